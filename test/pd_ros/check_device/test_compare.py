"""How far is too far, by numbers worked out by hand."""

import math

import pytest
import torch

from pd_ros.check_device.compare import (
    BoxDifference,
    box_difference,
    map_errors,
    relative_error,
    worst,
)
from pd_ros.detection.types import Detections, HeadMaps


def test_relative_errors() -> None:
    expected = torch.tensor([3.0, 4.0])  # root of mean squares: sqrt(12.5)
    assert relative_error(expected, expected) == 0
    assert relative_error(expected, torch.tensor([3.0, 5.0])) == pytest.approx(
        math.sqrt(0.5 / 12.5)
    )
    assert relative_error(expected, torch.tensor([3.0, math.nan])) == math.inf
    assert relative_error(expected, torch.tensor([3.0, math.inf])) == math.inf
    assert relative_error(expected, torch.tensor([3.0])) == math.inf
    assert relative_error(torch.zeros(2), torch.zeros(2)) == 0


def test_of_maps_the_worst_level_counts() -> None:
    ones = torch.ones(1, 2, 3, 3)
    fine, coarse = HeadMaps(ones, ones), HeadMaps(ones, 1.5 * ones)
    errors = map_errors(
        HeadMaps(ones, ones, coarser=(fine,)), HeadMaps(ones, ones, coarser=(coarse,))
    )
    assert errors == {"heatmap": 0.0, "box": 0.5}


def boxes(x: list[float], scores: list[float]) -> Detections:
    rows = torch.tensor([[value, 0, 0, 4, 2, 1.5, 0] for value in x]).view(-1, 7)
    return Detections(rows, torch.tensor(scores), torch.zeros(len(x), dtype=torch.int64))


def test_boxes_that_are_lost() -> None:
    expected = boxes([0, 10, 20], [0.9, 0.5, 0.1])
    assert box_difference(expected, expected, "fp32", trained=False) == (3, 0, 0.0)
    moved = boxes([0, 10.1, 20], [0.9, 0.5, 0.1])
    assert box_difference(expected, moved, "fp32", trained=False)[:2] == (3, 1)
    assert box_difference(expected, moved, "fp16", trained=True)[:2] == (2, 0)
    assert box_difference(expected, moved, "fp16", trained=False)[:2] == (0, 0)  # by scores alone
    # The third is not sure.
    assert box_difference(expected, boxes([0, 10], [0.9, 0.5]), "fp32", trained=True)[:2] == (2, 0)
    assert box_difference(expected, expected, "fp32", trained=True, sure=0.0)[0] == 3
    other = expected._replace(labels=torch.tensor([0, 1, 0]))
    assert box_difference(expected, other, "fp32", trained=False)[:2] == (3, 1)


def test_none_and_some() -> None:
    none, some = boxes([], []), boxes([0], [0.9])
    assert box_difference(none, none, "fp32", trained=True) == (0, 0, 0.0)
    assert box_difference(some, none, "fp32", trained=True) == (1, 1, 1.0)
    assert not box_difference(some, none, "bf16", trained=True).within("bf16")
    assert not box_difference(none, some, "fp32", trained=True).within("fp32")


def test_some_may_be_tied() -> None:
    assert BoxDifference(100, 10, 0.0005).within("fp32")
    assert not BoxDifference(100, 11, 0.0005).within("fp32")
    assert not BoxDifference(100, 0, 0.002).within("fp32")
    assert worst([BoxDifference(3, 1, 0.1), BoxDifference(4, 0, 0.2)]) == (7, 1, 0.2)


def test_far_boxes_are_found_again_among_many() -> None:
    """Distances by products of matrices, torch's way with many, are off by centimetres there."""
    far = boxes([70.0 + 0.3 * number for number in range(50)], [0.9 - 0.01 * n for n in range(50)])
    assert box_difference(far, far, "fp32", trained=False) == (50, 0, 0.0)
