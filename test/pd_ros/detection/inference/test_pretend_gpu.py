"""All that runs on a GPU, on one that is none: nothing is left behind on the CPU by mistake."""

import copy
import sys
from collections import Counter
from contextlib import nullcontext

import pytest
import torch
from pretend_gpu import GPU, OnGpu, pretend_gpu
from same_boxes import assert_same_boxes
from small_model import PILLAR_CONFIGS, small_config, small_point_config

from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.checkpoint import Checkpoint
from pd_ros.detection.config.grid import CapacityConfig, GridConfig
from pd_ros.detection.families import build_model
from pd_ros.detection.geometry.nms import nms
from pd_ros.detection.inference import cuda_graph
from pd_ros.detection.inference.cuda_graph import StaticGraph, unpack
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
        mixed = (
            lambda: there + here,
            lambda: torch.cat((there, here)),
            lambda: here[there.long()],
            lambda: there.index_select(0, here.long()),
            lambda: there.__setitem__(there > 0, here[:1]),
        )
        for wrong in mixed:
            with pytest.raises(AssertionError, match="CPU"):
                wrong()


@pytest.fixture(autouse=True)
def torch_alone(monkeypatch):
    """Compiled loops round otherwise, which swaps boxes of one score: here both are torch's."""
    monkeypatch.setitem(sys.modules, "pd_ros.detection.inference.compiled.pillar_canvas", None)


@pytest.mark.parametrize(
    "make_config", [*PILLAR_CONFIGS, small_point_config], ids=lambda make: make.__name__
)
@pytest.mark.parametrize("count", [0, 400])
def test_a_detector(make_config, count, monkeypatch) -> None:
    config = make_config(decode={"score_threshold": 0.0})
    torch.manual_seed(0)
    model = build_model(config).eval()
    here = Predictor(Checkpoint(copy.deepcopy(model), config, {}), CPU, torch.float32)
    expected = here.infer(points(count))
    with pretend_gpu(monkeypatch):
        there = Predictor(Checkpoint(model, config, {}), GPU, torch.float32)
        found = there.infer(points(count))
    assert not isinstance(found.detections.boxes, OnGpu)  # a detector's answer is the CPU's
    assert found._replace(detections=None) == expected._replace(detections=None)
    assert_same_boxes(found.detections, expected.detections)


@pytest.mark.parametrize("make_config", PILLAR_CONFIGS, ids=lambda make: make.__name__)
def test_what_is_recorded_waits_for_nothing(make_config, monkeypatch) -> None:
    config = make_config(decode={"score_threshold": 0.0})
    torch.manual_seed(0)
    model = build_model(config).eval()
    expected, _ = unpack(
        StaticGraph(copy.deepcopy(model), config, CPU, torch.float32)(points(300))
    )
    with pretend_gpu(monkeypatch) as gpu:
        static = StaticGraph(model.to(GPU), config, GPU, torch.float32)
        cloud = points(300).to(GPU)
        gpu.waits.clear()
        rows = static(cloud)
        assert gpu.waits == {}
        found, _ = unpack(rows.cpu())
    torch.testing.assert_close(found, expected)


class Stream:
    """One on which all is done at once."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.waits = device, 0

    def synchronize(self) -> None:
        self.waits += 1


class Recording:
    """What was recorded; a replay does it again and leaves the result in the same place."""

    made = 0

    def __init__(self, work, _stream) -> None:
        Recording.made += 1
        self._work = work
        self.result = self._run()

    def replay(self) -> None:
        self.result.copy_(self._run())

    def _run(self) -> torch.Tensor:
        with torch.inference_mode(False):  # which tensors that hold others do not know
            return self._work()


def test_replays_on_clouds_of_changing_sizes(monkeypatch) -> None:
    """A larger cloud is given room by a new recording; nothing of a cloud is left for the next."""
    config = small_config(decode={"score_threshold": 0.0})
    torch.manual_seed(0)
    model = build_model(config).eval()
    here = Predictor(Checkpoint(copy.deepcopy(model), config, {}), CPU, torch.float32)
    counts = (300, 0, 7, 1000, 300, 1025, 12)
    expected = [here.infer(points(count)) for count in counts]
    monkeypatch.setattr(cuda_graph, "_FIRST_ROOM", 512)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)
    recording = lambda work, stream: (made := Recording(work, stream), made.result)  # noqa: E731
    monkeypatch.setattr(cuda_graph, "record", recording)
    with pretend_gpu(monkeypatch) as gpu:
        there = Predictor(Checkpoint(model, config, {}), GPU, torch.float32, "cuda_graph")
        stream, gpu.waits = there._inference._stream, Counter()
        for number, count in enumerate(counts):
            found = there.infer(points(count))
            torch.testing.assert_close(found, expected[number], rtol=1e-4, atol=1e-4)
        assert gpu.waits == {}  # copies of its answers apart, which are not waited for
        assert stream.waits == len(counts)
    assert Recording.made == 3  # for 512, 1024 and 2048 points


def test_pillars_and_voxels_where_capacities_bind(monkeypatch) -> None:
    capacity = CapacityConfig(max_points=150, max_points_per_pillar=2, max_pillars=30)
    for height, size in ((None, 1.0), (0.1, 0.02)):
        grid = GridConfig(
            range_m=(-8, -8, -3, 8, 8, 1), pillar_size_m=(size, size), voxel_height_m=height
        )
        expected = pillarize([points(400), points(9)], grid, capacity)
        with pretend_gpu(monkeypatch):
            clouds = [points(400).to(GPU), points(9).to(GPU)]
            found = pillarize(clouds, grid, capacity)
            tensors = [each.cpu() for each in found if isinstance(each, torch.Tensor)]
        assert found.clipped == expected.clipped
        for one, other in zip(
            tensors, [each for each in expected if isinstance(each, torch.Tensor)], strict=True
        ):
            assert torch.equal(one, other)


def test_suppression(monkeypatch) -> None:
    generator = torch.Generator().manual_seed(0)
    boxes = torch.rand(500, 7, generator=generator) * torch.tensor([9.0, 9, 1, 4, 2, 2, 6]) + 0.1
    scores = torch.rand(500, generator=generator)
    expected = nms(boxes, scores, 0.3)
    with pretend_gpu(monkeypatch):
        assert nms(boxes.to(GPU), scores.to(GPU), 0.3).tolist() == expected.tolist()


def test_a_batch_norm_is_folded_where_it_lies(monkeypatch) -> None:
    with pretend_gpu(monkeypatch):
        model = build_model(small_config()).eval().to(GPU)
        assert {parameter.device for parameter in model.parameters()} == {GPU}
