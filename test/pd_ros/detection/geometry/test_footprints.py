"""Which boxes may overlap, and how far they do, against the exact ones and by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.detection.geometry.footprints import Footprints
from pd_ros.detection.geometry.overlap import paired_bev_iou, touching_pairs

CAR = [10.0, 2.0, -1.0, 4.0, 2.0, 1.5, 0.0]
CORNERS = 2 * (math.sqrt(2) - 1) ** 2  # of a square of 2 m that stands out of a strip as wide


def random_boxes(seed, count, spread):
    generator = torch.Generator().manual_seed(seed)
    scale = torch.tensor([spread, spread, 1.0, 4.0, 2.0, 1.0, 2 * math.pi])
    return torch.rand(count, 7, generator=generator) * scale + torch.tensor(
        [50.0, -50.0, 0, 0.01, 0.01, 0.5, 0]
    )


def overlap(a, b):
    one, other = torch.tensor([0]), torch.tensor([1])
    return Footprints(torch.tensor([a, b])).overlaps(one, other).item()


@given(st.integers(0, 10_000), st.sampled_from([0.0, 1.0, 5.0]))
def test_overlaps_are_the_exact_ones_but_for_a_millionth(seed, spread) -> None:
    boxes = random_boxes(seed, 120, spread)
    boxes[::7, 6] = boxes[0, 6]  # edges that are parallel, and upright ones
    boxes[::5, 6] = math.pi / 2
    one, other = torch.triu_indices(120, 120, 1)
    exact = paired_bev_iou(boxes[one].double(), boxes[other].double())
    quick = Footprints(boxes).overlaps(one, other)
    torch.testing.assert_close(quick, exact, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ([0.0] * 7, 1.0),
        ([0.0, 0, 5, 0, 0, 1, math.pi], 1.0),  # from above, and turned around
        ([0.0, 0, 0, 0, 0, 0, math.pi / 2], 4 / 12),
        ([0.0, 0, 0, 0, 0, 0, 1e-12], 1.0),
        ([2.0, 0, 0, 0, 0, 0, 0], 4 / 12),
        ([1.0, 1, 0, 0, 0, 0, math.pi], 3 / 13),
        ([4.0, 0, 0, 0, 0, 0, 0], 0.0),  # side by side
        ([0.0, 2, 0, 0, 0, 0, 0], 0.0),
        ([0.0, 0, 0, -2, -1, 0, 0.5], 2 / 8),  # within
        ([0.0, 0, 0, -4, 0, 0, 0], 0.0),  # no length
        ([0.0, 0, 0, -2, 0, 0, math.pi / 4], (4 - CORNERS) / (8 + CORNERS)),
    ],
)
@pytest.mark.parametrize("yaw", [0.0, 0.3, math.pi / 2])
def test_overlaps_by_hand(change, expected, yaw) -> None:
    x, y, *rest = change
    cos, sin = math.cos(yaw), math.sin(yaw)
    moved = [x * cos - y * sin, x * sin + y * cos, *rest]
    a = [*CAR[:6], yaw]
    b = [value + step for value, step in zip(a, moved, strict=True)]
    assert overlap(a, b) == pytest.approx(expected, abs=1e-6)
    assert overlap(b, a) == pytest.approx(expected, abs=1e-6)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 3.0, 30.0, 3000.0]))
def test_touching_boxes_are_those_of_the_whole_matrix(seed, spread) -> None:
    boxes = random_boxes(seed, 80, spread)
    rows, columns = touching_pairs(boxes, boxes)
    expected = {(i, j) for i, j in zip(rows.tolist(), columns.tolist(), strict=True) if i < j}
    footprints, every = Footprints(boxes), torch.arange(80)
    assert pairs(footprints.rivals(every, every)) == expected
    low, high = every[:30], every[20:]
    some = {(i, j) for i, j in expected if i < 30 and j >= 20}
    assert pairs(footprints.rivals(low, high)) == some


@given(st.integers(0, 10_000), st.floats(0, 1), st.sampled_from([0.0, 1.0, 5.0]))
def test_no_pair_that_overlaps_by_more_is_left_out(seed, iou, spread) -> None:
    boxes = random_boxes(seed, 80, spread)
    boxes[::3] = boxes[0] + 0.02 * boxes[::3]  # some that overlap by much
    one, other = torch.triu_indices(80, 80, 1)
    more = paired_bev_iou(boxes[one].double(), boxes[other].double()) > iou
    every = torch.arange(80)
    found = pairs(Footprints(boxes, iou).rivals(every, every))
    assert set(zip(one[more].tolist(), other[more].tolist(), strict=True)) <= found
    assert found <= pairs(Footprints(boxes).rivals(every, every))


@pytest.mark.parametrize(
    ("iou", "reach"), [(0.0, 5.0), (0.25, 3.5), (0.5, 2.0), (0.7, 2.0)], ids=str
)
def test_reach_by_hand(iou, reach) -> None:
    """Circumradii of 3 and 2 m: r + (1 - 2 iou) R, at least r."""
    side = 2 / math.sqrt(2)
    for apart, found in ((reach - 0.01, {(0, 1)}), (reach + 0.01, set())):
        boxes = torch.tensor([[0.0, 0, 0, 3 * side, 3 * side, 1, 0],
                              [apart, 0, 0, 2 * side, 2 * side, 1, 0.2]])  # fmt: skip
        every = torch.arange(2)
        assert pairs(Footprints(boxes, iou).rivals(every, every)) == found


def pairs(found):
    one, other = found
    listed = list(zip(one.tolist(), other.tolist(), strict=True))
    assert len(set(listed)) == len(listed)
    return set(listed)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
def test_boxes_that_are_nowhere_touch_none(value) -> None:
    boxes = torch.tensor([CAR, CAR, [value, *CAR[1:]], [value, value, *CAR[2:]]])
    every = torch.arange(4)
    assert (0, 1) in pairs(Footprints(boxes).rivals(every, every))
    overlaps = Footprints(boxes).overlaps(torch.tensor([0, 0]), torch.tensor([2, 3]))
    assert not (overlaps > 0).any()
