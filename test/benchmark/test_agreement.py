"""Boxes that are found again, and the three ways of losing one."""

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
    assert agreement(EXPECTED, found) == (2, lost)


def test_nothing_expected_is_nothing_lost() -> None:
    assert agreement(detections(), EXPECTED) == (0, 0)
