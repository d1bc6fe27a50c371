"""The first loss of every kind of network on a GPU that is none: the CPU's, all on the GPU."""

import copy

import pytest
import torch
from pretend_gpu import GPU, pretend_gpu
from small_model import PILLAR_CONFIGS, small_grouped_config, small_point_config

from pd_ros.detection.families import build_model
from training.batches.collate import Collate, Sample, move_batch
from training.benchmark.check_steps import default_run
from training.datasets.frame import Labels
from training.loop.step_loss import step_losses


def samples(features: int) -> list[Sample]:
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([16.0, 16.0, 4.0, *[1.0] * features])
    low = torch.tensor([8.0, 8.0, 3.0, *[0.0] * features])
    boxes = torch.tensor([[2.0, 1, -1, 3, 2, 1.5, 0.3], [-4, 3, -1, 0.8, 0.6, 1.7, 2]])
    found = []
    for seed in range(2):
        cloud = torch.rand(600, 3 + features, generator=generator) * scale - low
        labels = Labels(boxes, torch.tensor([0, 1]), boxes[:1] + 3, torch.zeros(2, 2))
        found.append(Sample(cloud, labels, seed))
    return found


TRAINABLE = [each for each in PILLAR_CONFIGS if each is not small_grouped_config]


@pytest.mark.parametrize(
    "make_config", [*TRAINABLE, small_point_config], ids=lambda make: make.__name__
)
def test_the_first_loss(make_config, monkeypatch) -> None:
    config = make_config()
    torch.manual_seed(0)
    model = build_model(config).train()
    run = default_run(config)
    batch = Collate(config, None)(samples(len(config.features)))
    expected = step_losses(copy.deepcopy(model), None, batch, run, config, 0, half=False)
    with pretend_gpu(monkeypatch):
        there = model.to(GPU)
        found = step_losses(there, None, move_batch(batch, GPU), run, config, 0, half=False)
        on_gpu = {name: term.device for name, term in found.items()}
        values = {name: term.item() for name, term in found.items()}
    assert set(on_gpu.values()) == {GPU}
    for name, value in values.items():
        assert value == pytest.approx(expected[name].item(), rel=1e-4, abs=1e-6)
