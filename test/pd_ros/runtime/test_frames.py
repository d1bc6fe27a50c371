"""Transforms against numbers worked out by hand."""

import math

import numpy as np
import pytest
import torch

from pd_ros.runtime.placed_boxes import move_boxes
from pd_ros.runtime.transforms import inverse, move_points, rigid

QUARTER = (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5))  # to the left about z


def test_points_are_turned_then_moved() -> None:
    moved = move_points(np.float32([[2, 1, 3, 0.7]]), rigid((10, 0, -1), QUARTER))
    np.testing.assert_allclose(moved, [[9, 2, 2, 0.7]], atol=1e-6)


def test_boxes_are_turned_with_their_heading() -> None:
    boxes = torch.tensor([[2, 1, 3, 4, 2, 1.5, math.pi - 0.1]])
    moved = move_boxes(boxes, rigid((10, 0, -1), QUARTER))
    expected = [[9, 2, 2, 4, 2, 1.5, -math.pi / 2 - 0.1]]
    np.testing.assert_allclose(moved, expected, atol=1e-5)
    assert moved.dtype == torch.float32
    assert move_boxes(torch.zeros(0, 7), rigid((1, 2, 3), QUARTER)).shape == (0, 7)


def test_the_way_back_leads_back() -> None:
    quaternion = np.array([0.1, -0.2, 0.3, 0.9])
    matrix = rigid((1, -2, 3), tuple(quaternion / np.linalg.norm(quaternion)))
    np.testing.assert_allclose(inverse(matrix) @ matrix, np.eye(4), atol=1e-12)
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)


def test_half_a_turn_about_x() -> None:
    np.testing.assert_allclose(rigid((0, 0, 0), (1, 0, 0, 0))[:3, :3], np.diag([1, -1, -1]))
