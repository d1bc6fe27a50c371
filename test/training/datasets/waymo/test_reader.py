"""Waymo's parquet files: pixels worked out by hand, the vehicle's motion, and what is missing."""

import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed: Waymo's format is not tested")

from small_waymo import (
    COLUMNS,
    FRONT_MOUNT,
    INCLINATIONS,
    ROWS,
    SEGMENT,
    TIME_US,
    TOP_MOUNT,
    box_row,
    calibration_row,
    image,
    pixel_point,
    pose_rows,
    transform,
    write_waymo,
)

from training.config.run import SourceConfig
from training.datasets.source import open_source

CLASSES = ("vehicle", "pedestrian")
FEATURES = ("intensity", "elongation")
ECHO = (10.0, 0.5, 0.25, -1.0)


def opened(path: Path, **keys: object):
    return open_source(SourceConfig(path=str(path), format="waymo", **keys), CLASSES, FEATURES)


def refused(path: Path, **keys: object) -> str:
    with pytest.raises(ValueError) as error:
        opened(path, **keys)[0]
    return str(error.value)


def test_pixels_become_points(tmp_path: Path) -> None:
    """Both returns; what has no echo or lies in a zone without labels is left out."""
    first = image({(0, 0): ECHO, (2, 11): (20.0, 8.0, 0, -1), (3, 5): (5.0, 0, 0, 1.0)})
    path = write_waymo(tmp_path / "training", {1: [first, image({(1, 8): ECHO})]}).parent
    frames = opened(path, split="training")
    assert len(frames) == 1
    pixels = [(0, 0, 10.0), (2, 11, 20.0), (1, 8, 10.0)]
    expected = [pixel_point(TOP_MOUNT, *pixel) for pixel in pixels]
    points = frames[0].points
    np.testing.assert_allclose(points[:, :3], expected, atol=1e-5)
    np.testing.assert_allclose(points[:, 3], np.tanh([0.5, 8, 0.5]), rtol=1e-6)
    np.testing.assert_allclose(points[:, 4], [0.25, 0, 0.25])
    assert str(TIME_US) in frames.name(0)


def test_even_beams_between_the_edges(tmp_path: Path) -> None:
    """Four beams between -0.4 and 0.4: the lowest, in the last row, is at -0.3."""
    path = write_waymo(tmp_path, {2: [image({(3, 7): ECHO})]})
    azimuth = math.pi - 7.5 * 2 * math.pi / COLUMNS
    flat = 10 * math.cos(-0.3)
    x, y, z, _ = FRONT_MOUNT
    expected = [
        x + flat * math.cos(azimuth),
        y + flat * math.sin(azimuth),
        z + 10 * math.sin(-0.3),
    ]
    np.testing.assert_allclose(opened(path)[0].points[0, :3], expected, atol=1e-5)


def test_what_stands_still_stays_while_the_vehicle_moves(tmp_path: Path) -> None:
    """A wall straight ahead in the world, seen from a vehicle that drives and turns meanwhile."""
    frame_pose = (100.0, 50.0, 1.0, 0.7)
    poses = np.zeros((ROWS, COLUMNS, 6), np.float32)
    echoes, expected = {}, []
    for column in range(COLUMNS):
        yaw, place = 0.7 + 0.01 * column, np.array([100 + 0.1 * column, 50 - 0.05 * column, 1])
        poses[0, column] = [0, 0, yaw, *place]
        echoes[0, column] = ECHO
        seen = pixel_point(TOP_MOUNT, 0, column, 10.0)
        world = _turned(seen, yaw) + place
        expected.append(_turned(world - frame_pose[:3], -0.7))
    motion = pose_rows(poses, transform(*frame_pose))
    path = write_waymo(tmp_path, {1: [image(echoes)]}, **motion)
    np.testing.assert_allclose(opened(path)[0].points[:, :3], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("angles", "expected"),
    [
        ((math.pi / 2, 0, 0), lambda x, y, z: (x, -z, y)),
        ((0, math.pi / 2, 0), lambda x, y, z: (z, y, -x)),
        ((math.pi / 2, math.pi / 2, 0), lambda x, y, z: (y, -z, -x)),  # roll before pitch
        ((math.pi / 2, 0, math.pi / 2), lambda x, y, z: (z, x, y)),  # roll before yaw
    ],
)
def test_angles_are_roll_then_pitch_then_yaw(tmp_path: Path, angles, expected) -> None:
    poses = np.zeros((ROWS, COLUMNS, 6), np.float32)
    poses[..., :3] = angles
    motion = pose_rows(poses, transform(0, 0, 0, 0))
    path = write_waymo(tmp_path, {1: [image({(1, 3): ECHO})]}, **motion)
    point = pixel_point(TOP_MOUNT, 1, 3, 10.0)
    np.testing.assert_allclose(opened(path)[0].points[0, :3], expected(*point), atol=1e-5)


def test_boxes_of_the_frame(tmp_path: Path) -> None:
    """One at another time is left out; a heading of 4 rad is one of 4 - 2 pi."""
    frames = opened(write_waymo(tmp_path, {1: [image({(1, 3): ECHO})]}))
    frame = frames[0]
    turn = 4 - 2 * math.pi
    np.testing.assert_allclose(
        frame.boxes, [[5, 2, 0.75, 4, 1.8, 1.5, turn], [9, 2, 0.75, 4, 1.8, 1.5, turn]], rtol=1e-6
    )
    assert frame.labels.tolist() == frames.labels(0).tolist() == [0, -1]


def test_classes_can_be_mapped(tmp_path: Path) -> None:
    path = write_waymo(tmp_path, {1: [image({})]})
    assert opened(path, class_map={"sign": "pedestrian"})[0].labels.tolist() == [0, 1]
    assert "class_map.car: expected one of the format's names" in refused(
        path, class_map={"car": "vehicle"}
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"lidar_box": None}, "expected the component lidar_box"),
        ({"lidar_calibration": None}, "expected the component lidar_calibration"),
        (
            {"lidar_calibration": [{"key.laser_name": 1}]},
            "with the columns key.laser_name, [LiDAR",
        ),
        (
            {"lidar_calibration": [calibration_row(2, FRONT_MOUNT, INCLINATIONS)]},
            "expected a row of key.laser_name 1, found [2]",
        ),
        (
            {"lidar_calibration": [calibration_row(1, TOP_MOUNT, [0.1, 0.2])]},
            "expected beam_inclination.values for [4] rows, got 2",
        ),
        ({"lidar_box": [box_row("a", 1, 5.0, height=0.0)]}, "box 0: expected a box of finite"),
        ({"lidar_box": [box_row("a", 9, 5.0)]}, "class '9': expected one of unknown, vehicle"),
        ({"lidar_pose": [{"key.laser_name": 1}]}, "expected the component vehicle_pose"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, changes, expected: str) -> None:
    text = refused(write_waymo(tmp_path, {1: [image({(1, 3): ECHO})]}, **changes))
    assert expected in text
    assert text.startswith(str(tmp_path))


def test_missing_segments_and_damaged_files_are_named(tmp_path: Path) -> None:
    path = write_waymo(tmp_path, {1: [image({(1, 3): ECHO})]})
    (path / "lidar_box" / SEGMENT).write_bytes(b"PAR1")
    assert f"lidar_box/{SEGMENT}: expected a parquet file" in refused(path)
    (path / "lidar_box" / SEGMENT).unlink()
    assert f"1 are not there: {path / 'lidar_box' / SEGMENT}" in refused(path)
    (path / "lidar" / SEGMENT).unlink()
    assert "lidar: expected segments" in refused(path)


def _turned(point: np.ndarray, yaw: float) -> np.ndarray:
    x, y, z = point
    return np.array(
        [x * math.cos(yaw) - y * math.sin(yaw), x * math.sin(yaw) + y * math.cos(yaw), z]
    )
