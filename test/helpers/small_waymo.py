"""A Waymo v2 of two LiDARs and a few pixels: range images made from points, pixel by pixel."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEGMENT = "10017090168044687777_6380_000_6400_000.parquet"
TIME_US = 1_550_083_467_346_370
ROWS, COLUMNS = 4, 16
TOP_MOUNT = (1.4, 0.0, 2.2, 0.4)  # x, y, z, yaw on the vehicle
FRONT_MOUNT = (4.0, 0.2, 0.7, -0.1)
INCLINATIONS = [-0.3, -0.2, 0.05, 0.1]  # lowest first, as the calibration has them


def transform(x: float, y: float, z: float, yaw: float) -> list[float]:
    cos, sin = math.cos(yaw), math.sin(yaw)
    return [cos, -sin, 0, x, sin, cos, 0, y, 0, 0, 1, z, 0, 0, 0, 1]


def pixel_point(mount: tuple[float, ...], row: int, column: int, range_m: float) -> np.ndarray:
    """Where a pixel's echo is in the vehicle's frame, by hand: rows from the highest beam down.

    The first column looks straight behind, half a pixel to the left of it; then it goes on
    clockwise: left is before right.
    """
    up = INCLINATIONS[ROWS - 1 - row]
    azimuth = math.pi - (column + 0.5) * 2 * math.pi / COLUMNS
    x, y, z, _ = mount
    flat = range_m * math.cos(up)
    return np.array([x + flat * math.cos(azimuth), y + flat * math.sin(azimuth),
                     z + range_m * math.sin(up)])  # fmt: skip


def image(echoes: dict[tuple[int, int], tuple[float, ...]]) -> np.ndarray:
    """Range, intensity, elongation and zone of some pixels; -1 elsewhere."""
    values = np.full((ROWS, COLUMNS, 4), -1, np.float32)
    for (row, column), pixel in echoes.items():
        values[row, column] = pixel
    return values


def write_waymo(path: Path, images: dict[int, list[np.ndarray]], **components: Any) -> Path:
    """A split of one segment and frame. ``images``: per LiDAR, of its first and second return.

    ``components``: rows of others than the usual ones; None leaves one out.
    """
    tables = {
        "lidar": [_lidar_row(laser, returns) for laser, returns in images.items()],
        "lidar_calibration": [
            calibration_row(1, TOP_MOUNT, INCLINATIONS), calibration_row(2, FRONT_MOUNT, None)
        ],
        "lidar_box": [box_row("a", 1, 5.0), box_row("b", 3, 9.0), box_row("c", 2, 20.0, time=1)],
        **components,
    }  # fmt: skip
    for name, rows in tables.items():
        if rows is not None:
            (path / name).mkdir(parents=True)
            pq.write_table(pa.Table.from_pylist(rows), path / name / SEGMENT)
    return path


def calibration_row(laser: int, mount: tuple[float, ...], values: list[float] | None) -> dict:
    """Beams from -0.4 to 0.4 where no values are given."""
    prefix = "[LiDARCalibrationComponent]"
    return {
        "key.segment_context_name": "s", "key.laser_name": laser,
        f"{prefix}.extrinsic.transform": [float(v) for v in transform(*mount)],
        f"{prefix}.beam_inclination.min": -0.4,
        f"{prefix}.beam_inclination.max": 0.4,
        f"{prefix}.beam_inclination.values": values,
    }  # fmt: skip


def box_row(name: str, kind: int, x: float, time: int = TIME_US, height: float = 1.5) -> dict:
    prefix = "[LiDARBoxComponent]"
    box = {"center.x": x, "center.y": 2.0, "center.z": 0.75,
           "size.x": 4.0, "size.y": 1.8, "size.z": height, "heading": 4.0}  # fmt: skip
    return {
        "key.segment_context_name": "s", "key.frame_timestamp_micros": time,
        "key.laser_object_id": name, f"{prefix}.type": kind,
        **{f"{prefix}.box.{key}": value for key, value in box.items()},
        f"{prefix}.num_lidar_points_in_box": 3,
    }  # fmt: skip


def pose_rows(poses: np.ndarray, world_from_vehicle: list[float]) -> dict[str, list[dict]]:
    """The two components of motion: poses ``[H, W, 6]`` of the top LiDAR's pixels."""
    keys = {"key.segment_context_name": "s", "key.frame_timestamp_micros": TIME_US}
    pose = "[VehiclePoseComponent].world_from_vehicle.transform"
    return {
        "lidar_pose": [{**keys, "key.laser_name": 1,
                        **_image_columns("[LiDARPoseComponent].range_image_return1", poses)}],
        "vehicle_pose": [{**keys, pose: [float(value) for value in world_from_vehicle]}],
    }  # fmt: skip


def _lidar_row(laser: int, returns: list[np.ndarray]) -> dict:
    row = {
        "key.segment_context_name": "s", "key.frame_timestamp_micros": TIME_US,
        "key.laser_name": laser,
    }  # fmt: skip
    for number in (1, 2):
        values = returns[number - 1] if number <= len(returns) else None
        row |= _image_columns(f"[LiDARComponent].range_image_return{number}", values)
    return row


def _image_columns(name: str, values: np.ndarray | None) -> dict:
    flat = None if values is None else values.astype(np.float32).ravel().tolist()
    return {
        f"{name}.values": flat,
        f"{name}.shape": None if values is None else list(values.shape),
    }
