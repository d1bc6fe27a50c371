"""Operations counted by hand on small networks."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_model import small_config, small_point_config, small_voxel_config
from torch.utils.flop_counter import FlopCounterMode

from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.families import build_model, make_batch
from training.profile.operations import SparseCost, count_operations, count_pairs

sites = st.sets(st.tuples(*[st.integers(0, 1)] + [st.integers(0, 4)] * 3), max_size=20)


def bev_by_hand(points: int) -> tuple[int, int]:
    """Multiply-adds and outputs of ``small_model``: 16 x 16 cells, then 8 x 8."""
    fine, coarse = 16 * 16, 8 * 8
    return total(
        (4, 10, points), (8, 8, points),
        (8, 9 * 8, fine), (8, 9 * 8, fine), (16, 9 * 8, coarse), (16, 9 * 16, coarse),
        (8, 8, fine), (8, 16, fine),
        (8, 9 * 16, fine), *[(8, 9 * 8, fine)] * 5,
        *[(outputs, 9 * 8, fine) for outputs in (2, 2, 1, 3, 2)],
    )  # fmt: skip


def points_by_hand(proposals: int) -> tuple[int, int]:
    """The same of its network on 128 points, 32 and 8 of them in the middle of balls."""
    inside = proposals * 16  # points of proposals; as many lie in the balls about 4 of each
    return total(
        (4, 4, 32 * 4), (8, 4, 32 * 4), (4, 4, 32 * 8), (8, 4, 32 * 8),
        (8, 16 + 3, 8 * 8), (16, 8, 8 * 8),
        (16, 16 + 16, 32), (16, 16, 32), (16, 16 + 1, 128), (16, 16, 128),
        (16, 16, 128), (2, 16, 128), (16, 16, 128), (8, 16, 128),
        (8, 5, inside), (16, 8, inside), (16, 16 + 16, inside),
        (16, 16 + 3, inside), (16, 16, inside), (16, 16 + 3, proposals * 4),
        (16, 16, proposals), (1, 16, proposals), (16, 16, proposals), (7, 16, proposals),
    )  # fmt: skip


def total(*layers: tuple[int, int, int]) -> tuple[int, int]:
    """Multiply-adds and outputs of layers: outputs per place, inputs per output, places."""
    macs = sum(outputs * inputs * places for outputs, inputs, places in layers)
    return macs, sum(outputs * places for outputs, _, places in layers)


def test_counts_are_those_by_hand() -> None:
    config = small_config()
    cloud = torch.rand(50, 4) * 6 - 3
    cloud[:, 2] = 0
    found = count_operations(build_model(config).eval(), cloud, config)
    macs, outputs = bev_by_hand(points=50)
    assert (round(found.gmacs * 1e9), found.sparse_gmacs) == (macs, 0)
    assert round(found.mactivations * 1e6) == outputs


def test_both_stages_of_a_network_on_points_are_counted() -> None:
    config = small_point_config()
    model = build_model(config).eval()
    cloud = torch.rand(300, 4) * 4 - 2.5
    proposals = len(model(make_batch([cloud], config)).proposals.boxes)
    assert proposals > 0
    found = count_operations(model, cloud, config)
    macs, outputs = points_by_hand(proposals)
    assert (round(found.gmacs * 1e9), found.sparse_gmacs) == (macs, 0)
    assert round(found.mactivations * 1e6) == outputs


def test_what_sparse_layers_multiply_is_not_among_the_dense() -> None:
    pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    config = small_voxel_config(residual=True)
    model = build_model(config).eval()
    found = count_operations(model, torch.rand(300, 4) * 4 - 2.5, config)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.dense(torch.zeros(1, *config.canvas_shape))
    assert found.gmacs * 1e9 == pytest.approx(counter.get_total_flops() / 2)
    assert found.sparse_gmacs > 0


@given(sites, sites, st.sampled_from([([3, 3, 3], [1, 1, 1], [1, 1, 1]),
                                      ([3, 3, 3], [2, 2, 2], [0, 1, 1]),
                                      ([3, 1, 1], [2, 1, 1], [0, 0, 0])]))  # fmt: skip
def test_pairs_equal_a_loop_over_all_of_them(inputs, outputs, shape) -> None:
    kernel, stride, padding = shape
    expected = 0
    for (a, *source), (b, *target) in itertools.product(inputs, outputs):
        offsets = [
            s + p - t * q for s, t, q, p in zip(source, target, stride, padding, strict=True)
        ]
        expected += a == b and all(0 <= o < k for o, k in zip(offsets, kernel, strict=True))
    rows = [torch.tensor(sorted(sites)).view(-1, 4) for sites in (inputs, outputs)]
    assert count_pairs(*rows, kernel, stride, padding) == expected


def test_one_voxel_costs_one_pair_in_every_layer() -> None:
    pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    config = small_voxel_config(residual=True)
    model = build_model(config).eval()
    batch = pillarize([torch.tensor([[0.1, 0.1, -2.95, 1.0]])], config.grid, config.capacity)
    with SparseCost(model) as cost, torch.no_grad():
        model(batch)
    assert cost.multiply_adds > 0
    # The stem: one voxel, its own neighbour only, from 4 to 4 channels; so are the next two.
    with SparseCost(model.encoder.stages[0]) as stem, torch.no_grad():
        model(batch)
    assert (stem.multiply_adds, stem.activations) == (4 * 4, 4)
