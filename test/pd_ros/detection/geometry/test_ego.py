"""Boxes on the sensor itself, and those that only come near."""

import math

import pytest
import torch

from pd_ros.detection.geometry.ego import on_sensor
from pd_ros.detection.predictor import Predictor
from pd_ros.recordings.cloud_files import read_cloud


def car(x: float, y: float, z: float = -0.9, yaw: float = 0.0) -> torch.Tensor:
    return torch.tensor([[x, y, z, 4.0, 1.8, 1.6, yaw]])


@pytest.mark.parametrize(
    ("box", "own"),
    [
        (car(0, 0), True),
        (car(1.9, 0.8), True),  # a corner over the sensor
        (car(2.25, 0), True),  # 0.25 m before it
        (car(2.35, 0), False),
        (car(0, 1.15), True),
        (car(0, 1.25), False),
        (car(0, 1.25, yaw=math.pi / 2), True),  # across: 2 m to each side
        (car(2.25, 0, yaw=math.pi / 2), False),
        (car(2.2, 1.1, yaw=0), True),  # 0.2 m on both axes, 0.28 m in all
        (car(2.25, 1.15), False),  # 0.25 m on both axes, 0.35 m in all
        (car(0, 0, z=-1.7), True),  # a sensor on a mast of 0.9 m
        (car(0, 0, z=-5), False),  # passes under a gantry
        (car(0, 0, z=3), False),
        (car(0, 0, z=0.8), True),  # the cloud's frame begins on the ground
    ],
)
def test_who_carries_the_sensor(box, own) -> None:
    assert on_sensor(box).tolist() == [own]
    moved = box + torch.tensor([10.0, -5, 2, 0, 0, 0, 0])
    assert on_sensor(moved, 0.3, (10, -5, 2)).tolist() == [own]
    assert on_sensor(box, -1).tolist() == [False]


def test_the_car_that_carries_a_real_sensor_is_found_and_left_out(data_dir) -> None:
    """KITTI's sensor sees its own roof; how sure a network is of that changes with its weights."""
    predict = Predictor.from_checkpoint("real_teacher", "cpu")
    own_boxes = 0
    for path in sorted((data_dir / "kitti_raw_0005/velodyne").glob("*.bin"))[:6]:
        found = predict(read_cloud(path, 1.0).points)
        own = on_sensor(found.boxes)
        assert own.sum() < len(own) / 4
        assert (found.boxes[own, :2].norm(dim=1) < 3).all()
        own_boxes += int(own.sum())
    assert own_boxes >= 6


def test_no_boxes_and_a_larger_distance() -> None:
    assert on_sensor(torch.zeros(0, 7)).shape == (0,)
    boxes = torch.cat((car(2.9, 0), car(3.1, 0)))
    assert on_sensor(boxes, 1.0).tolist() == [True, False]
