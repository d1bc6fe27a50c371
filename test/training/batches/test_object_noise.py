"""Objects moved with their points."""

import numpy as np
import pytest
import torch

from pd_ros.detection.boxes import bev_iou
from training.batches.object_noise import move_objects
from training.config.run import ObjectNoiseConfig
from training.datasets.frame import Frame
from training.datasets.inside import count_inside, inside

CONFIG = ObjectNoiseConfig()


def street(seed: int = 0) -> Frame:
    """Three cars in a row, a real object of no class, and ground between them."""
    rng = np.random.default_rng(seed)
    boxes = np.array(
        [[x, 0, 0, 4, 2, 1.5, 0.2] for x in (-8.0, 0.0, 8.0)] + [[0, 6, 0, 4, 2, 1.5, 0]],
        np.float32,
    )
    parts = [box[:3] + (rng.random((50, 3)) - 0.5) * [1.8, 1.8, 1.4] for box in boxes]
    ground = np.column_stack((rng.uniform(-20, 20, (500, 2)), np.full(500, -0.9)))
    xyz = np.concatenate((*parts, ground))
    points = np.column_stack((xyz, rng.random(len(xyz)))).astype(np.float32)
    labels = np.array([0, 1, 0, -1], np.int64)
    velocities = np.array([[3, 0], [0, 0], [0, 2], [1, 1]], np.float32)
    return Frame(points, boxes, labels, count_inside(points, boxes), velocities)


def test_points_stay_where_they_are_in_their_boxes() -> None:
    before = street()
    after = move_objects(before, CONFIG, np.random.default_rng(1))
    assert (np.abs(after.boxes[:3, :3] - before.boxes[:3, :3]).max(axis=1) > 0.01).all()
    np.testing.assert_array_equal(after.boxes[:, 3:6], before.boxes[:, 3:6])
    for number in range(3):
        mine = inside(before.points, before.boxes[number])
        local = [_local(f.points[mine], f.boxes[number]) for f in (before, after)]
        np.testing.assert_allclose(local[0], local[1], atol=1e-5)
    rest = before.points[200:]
    np.testing.assert_array_equal(after.points[200:], rest)


def _local(points: np.ndarray, box: np.ndarray) -> np.ndarray:
    x, y = (points[:, :2] - box[:2]).T
    cos, sin = np.cos(box[6]), np.sin(box[6])
    return np.column_stack((x * cos + y * sin, y * cos - x * sin, points[:, 2] - box[2]))


def test_what_is_no_object_stays_and_the_input_too() -> None:
    before = street()
    again = street()
    after = move_objects(before, CONFIG, np.random.default_rng(2))
    np.testing.assert_array_equal(after.boxes[3], before.boxes[3])
    np.testing.assert_array_equal(after.velocities[3], before.velocities[3])
    for first, second in zip(before[:5], again[:5], strict=True):
        np.testing.assert_array_equal(first, second)


def test_velocities_turn_with_their_objects() -> None:
    config = ObjectNoiseConfig(shift_m=(0, 0, 0), rotation_rad=0.5)
    before = street()
    after = move_objects(before, config, np.random.default_rng(3))
    turn = after.boxes[:3, 6] - before.boxes[:3, 6]
    assert np.abs(turn).max() > 0.05
    heading = np.arctan2(after.velocities[:3, 1], after.velocities[:3, 0])
    assert heading[0] == pytest.approx(turn[0], abs=1e-5)
    assert heading[2] == pytest.approx(np.pi / 2 + turn[2], abs=1e-5)
    np.testing.assert_allclose(
        np.linalg.norm(after.velocities, axis=1), np.linalg.norm(before.velocities, axis=1),
        rtol=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_nobody_is_moved_into_anybody(seed) -> None:
    """Close together, where most places are taken."""
    before = street(seed)
    boxes = before.boxes.copy()
    boxes[:, 0], boxes[:, 1], boxes[:, 6] = np.arange(4) * 4.3, 0, 0
    before = before._replace(boxes=boxes)
    after = move_objects(before, CONFIG, np.random.default_rng(seed))
    overlap = bev_iou(torch.from_numpy(after.boxes), torch.from_numpy(after.boxes))
    assert (overlap - torch.eye(4)).abs().max() < 1e-5


def test_an_object_without_a_free_place_stays() -> None:
    before = street()
    boxes = before.boxes.copy()
    boxes[1, :2] = boxes[0, :2]  # two labels of the same thing
    before = before._replace(boxes=boxes)
    after = move_objects(before, ObjectNoiseConfig(shift_m=(0, 0, 0)), np.random.default_rng(0))
    np.testing.assert_array_equal(after.boxes[:2], boxes[:2])


def test_a_frame_without_objects_stays() -> None:
    empty = street()._replace(
        boxes=np.zeros((0, 7), np.float32), labels=np.zeros(0, np.int64),
        num_points=np.zeros(0, np.int64), velocities=np.zeros((0, 2), np.float32),
    )  # fmt: skip
    after = move_objects(empty, CONFIG, np.random.default_rng(0))
    np.testing.assert_array_equal(after.points, empty.points)
    assert after.boxes.shape == (0, 7)
