"""Transforms against numbers worked out by hand."""

import math

import numpy as np
import pytest
import torch

from pd_ros.detection.types import Detections
from pd_ros.runtime.placed_boxes import move_detections
from pd_ros.runtime.transforms import inverse, move_points, rigid

QUARTER = (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5))  # to the left about z


def test_points_are_turned_then_moved() -> None:
    moved = move_points(np.float32([[2, 1, 3, 0.7]]), rigid((10, 0, -1), QUARTER))
    np.testing.assert_allclose(moved, [[9, 2, 2, 0.7]], atol=1e-6)


def test_boxes_are_turned_with_their_heading() -> None:
    boxes = torch.tensor([[2, 1, 3, 4, 2, 1.5, math.pi - 0.1]])
    found = Detections(boxes, torch.tensor([0.5]), torch.tensor([1]))
    moved = move_detections(found, rigid((10, 0, -1), QUARTER))
    expected = [[9, 2, 2, 4, 2, 1.5, -math.pi / 2 - 0.1]]
    np.testing.assert_allclose(moved.boxes, expected, atol=1e-5)
    assert moved.boxes.dtype == torch.float32
    assert (moved.scores, moved.labels, moved.velocities) == (found.scores, found.labels, None)
    empty = move_detections(Detections.empty(), rigid((1, 2, 3), QUARTER))
    assert empty.boxes.shape == (0, 7)


@pytest.mark.parametrize(
    ("quaternion", "expected"),
    [
        (QUARTER, [[-1, 3], [0, 0]]),  # (3, 1): ahead is to the left now, and left is back
        ((0, 0, 1, 0), [[-3, -1], [0, 0]]),
        # 60 degrees up about y: cos 60 = 1/2 of what goes ahead is left, seen from above.
        ((0, -0.5, 0, math.sqrt(0.75)), [[1.5, 1], [0, 0]]),
    ],
)
def test_velocities_are_turned_and_not_moved(quaternion, expected) -> None:
    velocities = torch.tensor([[3.0, 1.0], [0.0, 0.0]])
    found = Detections(torch.ones(2, 7), torch.ones(2), torch.zeros(2).long(), velocities)
    moved = move_detections(found, rigid((10, 20, -1), quaternion))
    assert moved.velocities.dtype == torch.float32
    np.testing.assert_allclose(moved.velocities, expected, atol=1e-6)


def test_the_way_back_leads_back() -> None:
    quaternion = np.array([0.1, -0.2, 0.3, 0.9])
    matrix = rigid((1, -2, 3), tuple(quaternion / np.linalg.norm(quaternion)))
    np.testing.assert_allclose(inverse(matrix) @ matrix, np.eye(4), atol=1e-12)
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)


def test_half_a_turn_about_x() -> None:
    np.testing.assert_allclose(rigid((0, 0, 0), (1, 0, 0, 0))[:3, :3], np.diag([1, -1, -1]))
