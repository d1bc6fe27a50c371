"""Boxes that are found again, the ways of losing one, and choices between equals."""

import pytest
import torch

from pd_ros.benchmark.agreement import agreement
from pd_ros.detection.types import Detections


def detections(*rows):
    """Boxes of 4 x 2 m at (x, 0), by x, score, class."""
    boxes = [[x, 0.0, 0.0, 4.0, 2.0, 1.5, 0.0] for x, _, _ in rows]
    return Detections(
        torch.tensor(boxes).view(-1, 7),
        torch.tensor([score for _, score, _ in rows]).float(),
        torch.tensor([label for _, _, label in rows]).long(),
    )


NMS_IOU = 0.2
EXPECTED = detections((0.0, 0.9, 0), (20.0, 0.31, 1), (40.0, 0.29, 0))


@pytest.mark.parametrize(
    ("found", "lost"),
    [
        (EXPECTED, 0),
        (detections((0.1, 0.88, 0), (20.0, 0.29, 1)), 0),  # IoU 0.95; below the least score
        (detections((0.3, 0.9, 0), (20.0, 0.31, 1)), 1),  # IoU 0.86
        (detections((0.0, 0.86, 0), (20.0, 0.31, 1)), 1),
        (detections((0.0, 0.9, 0), (20.0, 0.31, 0)), 1),  # another class
        (detections(), 2),
    ],
    ids=["the same", "near", "moved", "less sure", "another class", "nothing"],
)
def test_what_is_lost(found, lost) -> None:
    assert agreement(EXPECTED, found, EXPECTED, NMS_IOU) == (2, lost, 0)


@pytest.mark.parametrize(
    ("other", "found", "tied"),
    [
        ((1.0, 0.88, 0), (1.1, 0.87, 0), 1),
        ((1.0, 0.86, 0), (1.0, 0.86, 0), 0),  # less sure, so rounding alone does not choose it
        ((1.0, 0.88, 1), (1.0, 0.88, 1), 0),
        ((3.0, 0.88, 0), (3.0, 0.88, 0), 0),  # IoU 1/7: both are kept
        ((1.0, 0.88, 0), (1.4, 0.88, 0), 0),  # nothing that was a candidate
        ((1.0, 0.88, 0), (20.0, 0.88, 0), 0),
    ],
    ids=["equal", "less sure", "another class", "beside it", "moved", "none in its place"],
)
def test_ties(other, found, tied) -> None:
    expected = detections((0.0, 0.9, 0))
    candidates = detections((0.0, 0.9, 0), other)
    assert agreement(expected, detections(found), candidates, NMS_IOU) == (1, 1, tied)


def test_nothing_expected_is_nothing_lost() -> None:
    assert agreement(detections(), EXPECTED, detections(), NMS_IOU) == (0, 0, 0)
