"""What a GPU records: the boxes are those of the usual way, and all of it can be recorded.

A recording has fixed sizes and reads nothing back. Both are seen without a GPU: on the ``meta``
device, which has shapes only, whatever asks for a value fails.
"""

import copy
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from same_boxes import assert_same_boxes
from small_model import (
    PILLAR_CONFIGS,
    small_config,
    small_directed_config,
)
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from pd_ros.detection.bev.decode_center import suppress, usable
from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.checkpoint import Checkpoint
from pd_ros.detection.config.grid import CapacityConfig, GridConfig
from pd_ros.detection.families import build_model
from pd_ros.detection.inference.cuda_graph import StaticGraph, pack, unpack
from pd_ros.detection.inference.static_pillars import PaddedPillars
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.types import Clipped, Detections

CPU = torch.device("cpu")
CAPACITIES = {
    "dynamic": {},
    "capped": {"max_points_per_pillar": 2, "max_pillars": 40, "max_points": 150},
}
ENCODERS = {
    "two layers": {"widths": [8, 8]},
    "three layers, padded": {"widths": [8, 8, 8], "padded": True},
    "one layer, padded": {"widths": [8], "padded": True},
}
by_config = pytest.mark.parametrize("make_config", PILLAR_CONFIGS, ids=lambda make: make.__name__)


def points(count: int, seed: int = 0) -> torch.Tensor:
    """Points of which some are out of range and some are not finite."""
    generator = torch.Generator().manual_seed(seed)
    cloud = torch.rand(count, 4, generator=generator) * torch.tensor([20, 20, 5, 1])
    cloud[:, :3] -= torch.tensor([10, 10, 3.5])
    cloud[::17, 0], cloud[::19, 2] = torch.nan, torch.inf
    return cloud


def network(config):
    """A network whose batch norm has seen something, of which every class finds boxes."""
    torch.manual_seed(0)
    model = build_model(config).eval()
    for name, values in model.named_buffers():
        if name.endswith("running_mean"):
            values.normal_(std=0.1)
        if name.endswith("running_var"):
            values.uniform_(0.5, 2)
    return model


def in_one_pass(model, config, cloud: torch.Tensor, room: int) -> tuple[Detections, Clipped]:
    padded = torch.full((room, cloud.shape[1]), torch.nan)
    padded[: len(cloud)] = cloud
    run = StaticGraph(copy.deepcopy(model), config, CPU, torch.float32)
    with torch.inference_mode():
        run(torch.rand(room, cloud.shape[1]))  # nothing of the last cloud may be left
        found, clipped = unpack(run(padded))
    found = usable(found, config.decode)
    return suppress(found, config.decode, config.class_groups), clipped


def assert_same(config, count: int) -> None:
    model, cloud = network(config), points(count)
    step_by_step = Predictor(Checkpoint(copy.deepcopy(model), config, {}), CPU, torch.float32)
    expected = step_by_step.infer(cloud)
    found, clipped = in_one_pass(model, config, cloud, 512)
    assert clipped == expected.clipped
    assert_same_boxes(found, expected.detections, rtol=1e-4, atol=1e-4)


@by_config
@pytest.mark.parametrize("count", [0, 1, 300, 512])
def test_the_boxes_are_those_of_the_predictor(make_config, count) -> None:
    assert_same(make_config(decode={"score_threshold": 0.0}), count)


@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_and_where_capacities_bind(encoder) -> None:
    decode = {"score_threshold": 0.0}
    assert_same(small_config(encoder=encoder, decode=decode, capacity=CAPACITIES["capped"]), 400)


def test_a_threshold_binds() -> None:
    config = small_directed_config(decode={"score_threshold": 0.1, "max_candidates": 20})
    found, _ = in_one_pass(network(config), config, points(300), 512)
    assert (found.scores > 0.1).all()
    assert_same(config, 300)


GRID = GridConfig(range_m=(-2, -2, -1, 2, 2, 1), pillar_size_m=(1, 1))


@given(
    cells=st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), max_size=40),
    most=st.integers(1, 20),
    limit=st.one_of(st.none(), st.integers(1, 4)),
    pillars=st.integers(1, 16),
)
def test_the_pillars_are_those_of_pillarize(cells, most, limit, pillars) -> None:
    cloud = torch.tensor([[x + 0.5, y + 0.5, 0.0] for x, y in cells]).view(-1, 3)
    cloud = torch.cat((cloud, torch.arange(len(cloud))[:, None].float()), dim=1)
    capacity = CapacityConfig(max_points=most, max_points_per_pillar=limit, max_pillars=pillars)
    expected = pillarize([cloud], GRID, capacity)
    padded = torch.cat((cloud, torch.full((5, 4), torch.nan)))
    found, place, clipped, held = PaddedPillars(GRID, capacity, CPU)(padded)
    assert by_cell(found, place) == by_cell(expected, expected.cells @ torch.tensor([16, 4, 1]))
    assert Clipped(*clipped.tolist()) == expected.clipped
    assert int(held) == len(expected.points)


def by_cell(batch, place: torch.Tensor) -> dict[int, tuple[int, list[float]]]:
    """Of each cell how many points it counts, and which these are."""
    found: dict[int, tuple[int, list[float]]] = {}
    for number in range(len(place)):
        mine = batch.points[batch.point_pillar == number, 3].tolist()
        if place[number] < 16:
            found[int(place[number])] = int(batch.counts[number]), sorted(mine)
    return found


def test_what_is_packed_is_unpacked() -> None:
    boxes, scores, labels = torch.rand(3, 7), torch.rand(3), torch.tensor([0, 2, 1])
    told = product((None, torch.rand(3, 2)), (None, torch.rand(3)))
    for velocities, facing in told:
        found = Detections(boxes, scores, labels, velocities, facing)
        again, clipped = unpack(pack(found, torch.tensor([70_001, 5]), torch.tensor(9)))
        torch.testing.assert_close(again, found, rtol=0, atol=0)
        assert clipped == Clipped(70_001, 5)
    none, clipped = unpack(pack(found, torch.tensor([0, 7]), torch.tensor(0)))
    assert (len(none.boxes), clipped) == (0, Clipped(pillars=7))


class Recordable(TorchFunctionMode):
    """Fails where a value would come from the CPU's memory; ``meta`` fails where one would go."""

    def __torch_function__(self, function, types, arguments=(), named=None):
        named = named or {}
        assert function.__name__ not in {"tensor", "as_tensor", "new_tensor", "from_numpy"}
        for leaf in tree_leaves((arguments, named)):
            assert not isinstance(leaf, torch.Tensor) or leaf.device.type == "meta", function
        return function(*arguments, **named)


@by_config
@pytest.mark.parametrize("capacity", CAPACITIES.values(), ids=CAPACITIES)
@pytest.mark.parametrize("padded", [False, True], ids=["free", "padded"])
def test_a_gpu_could_record_it(make_config, capacity, padded) -> None:
    encoder = {"widths": [8, 8], "padded": padded and "max_points_per_pillar" in capacity}
    config = make_config(capacity=capacity, encoder=encoder)
    device = torch.device("meta")
    run = StaticGraph(build_model(config).eval().to(device), config, device, torch.float16)
    cloud = torch.empty(512, 4, device=device)
    with torch.inference_mode(), Recordable():
        first, second = run(cloud), run(cloud)
    assert first.shape == second.shape and first.dtype == torch.float32


@pytest.mark.parametrize(
    "wrong",
    [
        torch.Tensor.nonzero,
        torch.Tensor.cpu,
        lambda values: values[values > 0],
        lambda values: values.max().item(),
        lambda values: values + torch.zeros(4),
        lambda values: values.new_tensor([1.0]),
        lambda values: torch.tensor([1.0], device="meta") + values,
    ],
)
def test_what_a_gpu_could_not_record_is_seen(wrong) -> None:
    values = torch.empty(4, device="meta")
    with Recordable(), pytest.raises((NotImplementedError, AssertionError, RuntimeError)):
        wrong(values)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@by_config
def test_a_recording_gives_the_boxes_of_the_cpu(make_config, monkeypatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # 10 bits are too few for 1e-3
    config = make_config(decode={"score_threshold": 0.0})
    model, device = network(config), torch.device("cuda:0")
    make = [(CPU, "torch"), (device, "cuda_graph")]
    expected, recorded = (
        Predictor(Checkpoint(copy.deepcopy(model), config, {}), where, torch.float32, backend)
        for where, backend in make
    )
    for count in (300, 0, 512, (1 << 17) + 1):
        torch.testing.assert_close(
            recorded(points(count)), expected(points(count)), rtol=1e-3, atol=1e-3
        )
