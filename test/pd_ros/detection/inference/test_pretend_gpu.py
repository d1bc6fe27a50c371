"""All that runs on a GPU, on one that is none: nothing is left behind on the CPU by mistake."""

import copy

import pytest
import torch
from pretend_gpu import GPU, OnGpu, pretend_gpu
from small_model import PILLAR_CONFIGS, small_config

from pd_ros.detection.checkpoint import Checkpoint
from pd_ros.detection.families import build_model
from pd_ros.detection.predictor import Predictor

CPU = torch.device("cpu")


def points(count: int) -> torch.Tensor:
    cloud = torch.rand(count, 4, generator=torch.Generator().manual_seed(0))
    return cloud * torch.tensor([16.0, 16.0, 4.0, 1.0]) - torch.tensor([8.0, 8.0, 3.0, 0.0])


def test_what_mixes_devices_is_refused(monkeypatch) -> None:
    with pretend_gpu(monkeypatch) as gpu:
        there, here = torch.ones(3, device=GPU), torch.ones(3)
        assert isinstance(there, OnGpu) and there.device == GPU
        assert (there + there).cpu().tolist() == [2, 2, 2]
        assert (there * 2 + torch.tensor(1.0))[:2].tolist() == [3, 3]
        there[1:].zero_()
        assert there.sum().item() == 1
        assert gpu.waits.total() >= 3
        for wrong in (lambda: there + here, lambda: torch.cat((there, here)),
                      lambda: here[there.long()], lambda: there.index_select(0, here.long())):
            with pytest.raises(AssertionError, match="CPU"):
                wrong()


@pytest.mark.parametrize("make_config", PILLAR_CONFIGS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("count", [0, 1, 400])
def test_a_detector_of_pillars(make_config, count, monkeypatch) -> None:
    config = make_config(decode={"score_threshold": 0.0})
    torch.manual_seed(0)
    model = build_model(config).eval()
    expected = Predictor(Checkpoint(copy.deepcopy(model), config, {}), CPU, torch.float32)(points(count))
    with pretend_gpu(monkeypatch):
        predictor = Predictor(Checkpoint(model, config, {}), GPU, torch.float32)
        found = predictor(points(count))
    torch.testing.assert_close(found, expected)
