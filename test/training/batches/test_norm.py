"""Batch norm's statistics over a run: they follow the data, then they stay."""

import torch
from small_run import write_run
from torch import nn

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.config.base import load_config
from training.batches.norm import freeze_statistics, norms
from training.config.run import TrainConfig
from training.distributed import World
from training.train import train

HERE = World(0, 1, torch.device("cpu"))


def test_frozen_it_normalises_by_the_running_statistics_and_still_learns() -> None:
    model = nn.Sequential(nn.BatchNorm1d(1), nn.ReLU()).train()
    norm = model[0]
    norm.running_mean.fill_(2.0)
    norm.running_var.fill_(9.0)
    freeze_statistics(model)
    output = model(torch.tensor([[5.0], [8.0]]))
    torch.testing.assert_close(output, torch.tensor([[1.0], [2.0]]), rtol=1e-4, atol=0)
    output.sum().backward()
    assert norm.weight.grad is not None and norm.weight.grad.item() > 0
    assert (norm.running_mean.item(), norm.num_batches_tracked.item()) == (2.0, 0)
    assert model.train()[0].training


def statistics_after(folder, frozen_from: float) -> list[int]:
    """How many batches each batch norm has seen over a run of two epochs of eight steps."""
    schedule = {"epochs": 2, "frames_per_epoch": 16, "batch_size": 2}
    path = write_run(folder, schedule={**schedule, "norm_frozen_from": frozen_from})
    train(load_config(path, TrainConfig), HERE)
    state = torch.load(folder / "out/state.pt", weights_only=True)["model"]
    return [int(value) for name, value in state.items() if name.endswith("num_batches_tracked")]


def test_a_run_freezes_them_when_its_config_says(tmp_path) -> None:
    """Three quarters of 16 steps are 12, in the middle of the second epoch."""
    for share, batches in ((0.75, 12), (1.0, 16), (0.0, 0)):
        folder = tmp_path / str(share)
        folder.mkdir()
        assert set(statistics_after(folder, share)) == {batches}


def test_frozen_statistics_are_those_that_inference_has(tmp_path) -> None:
    config = load_config(write_run(tmp_path), TrainConfig)
    train(config, HERE)
    model = load_checkpoint(tmp_path / "out/model.safetensors").model
    assert all(not norm.training for norm in norms(model))
