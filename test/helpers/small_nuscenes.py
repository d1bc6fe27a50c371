"""A nuScenes of a few clouds: a vehicle drives past points that stand still.

The tables hold what the reader may ask for; every number is chosen so that a test can work out by
hand, with turns about z alone, where a point of the world is in a cloud.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

# In the world, metres.
POINTS = np.array([[12.0, 3, 0.5], [5, -6, 1], [30, 10, 2], [-8, 4, 0.2]])
MOUNT = (0.9, 0.0, 1.8)  # of the LiDAR on the vehicle; its x points right, its y forward
STEP_US = 50_000
SPEED_M_S = 10.0
BOX = {"translation": [12.0, 3.0, 0.5], "size": [2.0, 4.0, 1.5]}  # width, length, height


def wxyz(yaw: float) -> list[float]:
    return [math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)]


def vehicle(cloud: int) -> tuple[np.ndarray, float]:
    """Place and yaw of the vehicle when a cloud is taken: it drives along x and turns left."""
    seconds = cloud * STEP_US / 1e6
    return np.array([2 + SPEED_M_S * seconds, 1.0, 0.0]), 0.3 * seconds


def write_nuscenes(path: Path, clouds: int = 12, **changes: list[dict[str, Any]]) -> Path:
    """One scene, scene-0061, whose last cloud is a keyframe with a car on POINTS[0].

    ``changes``: other rows of whole tables.
    """
    (path / "v1.0-mini").mkdir(parents=True)
    for name, rows in {**_tables(clouds), **changes}.items():
        (path / f"v1.0-mini/{name}.json").write_text(json.dumps(rows))
    for folder in ("samples", "sweeps"):
        (path / folder / "LIDAR_TOP").mkdir(parents=True)
    for cloud in range(clouds):
        (path / _file(cloud, clouds)).write_bytes(cloud_bytes(cloud))
    return path


def write_moving_cars(path: Path) -> Path:
    """Three keyframes a second apart of a vehicle that stands and looks along the world's y.

    A car drives; one is labelled but once, and one not in the second between.
    """
    data = [
        {
            "token": f"cloud{i}", "sample_token": f"key{i}", "ego_pose_token": "pose",
            "calibrated_sensor_token": "mount", "filename": _file(0, 1), "is_key_frame": True,
            "timestamp": (i + 1) * 1_000_000, "prev": "", "next": "",
        }
        for i in range(3)
    ]  # fmt: skip
    boxes = [
        annotation("a0", "key0", "my car", translation=[1, 6, 1], next="a1"),
        annotation("a1", "key1", "my car", translation=[4, 6, 1.5], prev="a0", next="a2"),
        annotation("a2", "key2", "my car", translation=[5, 10, 1], prev="a1"),
        annotation("b1", "key1", "my car", translation=[20, 0, 1]),
        annotation("c0", "key0", "my car", translation=[5, 5, 1], next="c2"),
        annotation("c2", "key2", "my car", translation=[5, 5, 1], prev="c0"),
    ]
    return write_nuscenes(
        path, 1, sample_annotation=boxes, sample_data=data,
        ego_pose=[{"token": "pose", "translation": [3, 1, 0], "rotation": wxyz(math.pi / 2)}],
        sample=[{"token": f"key{i}", "scene_token": "here"} for i in range(3)],
    )  # fmt: skip


def cloud_bytes(cloud: int) -> bytes:
    """The points as the LiDAR sees them from the vehicle, and one on the vehicle itself."""
    place, yaw = vehicle(cloud)
    cos, sin = math.cos(yaw), math.sin(yaw)
    rows = [[0.3, -0.5, -0.2, 9.0, 0.0]]
    for x, y, z in POINTS - place:
        ahead, left = x * cos + y * sin - MOUNT[0], -x * sin + y * cos - MOUNT[1]
        rows.append([-left, ahead, z - MOUNT[2], 51.0, 7.0])
    return np.array(rows, "<f4").tobytes()


def annotation(token: str, sample: str, instance: str, **changes: Any) -> dict[str, Any]:
    row = {"token": token, "sample_token": sample, "instance_token": instance, **BOX}
    return {**row, "rotation": wxyz(0.5), "prev": "", "next": "", **changes}


def _file(cloud: int, clouds: int) -> str:
    return f"{'samples' if cloud == clouds - 1 else 'sweeps'}/LIDAR_TOP/{cloud:02d}.pcd.bin"


def _tables(clouds: int) -> dict[str, list[dict[str, Any]]]:
    data = [
        {
            "token": f"cloud{i}", "sample_token": "key", "ego_pose_token": f"pose{i}",
            "calibrated_sensor_token": "mount", "filename": _file(i, clouds),
            "timestamp": 1_000_000 + i * STEP_US, "is_key_frame": i == clouds - 1,
            "prev": f"cloud{i - 1}" if i else "", "next": "",
        }
        for i in range(clouds)
    ]  # fmt: skip
    camera = {**data[-1], "token": "image", "calibrated_sensor_token": "camera", "prev": ""}
    places = [(i, *vehicle(i)) for i in range(clouds)]
    return {
        "scene": [{"token": "here", "name": "scene-0061"}, {"token": "x", "name": "scene-0103"}],
        "sample": [{"token": "key", "scene_token": "here", "timestamp": data[-1]["timestamp"]}],
        "sample_data": [camera, *data[::-1]],  # the tables have no order
        "sensor": [
            {"token": "top", "channel": "LIDAR_TOP"}, {"token": "cam", "channel": "CAM_FRONT"},
        ],
        "calibrated_sensor": [
            {"token": "mount", "sensor_token": "top", "translation": list(MOUNT),
             "rotation": wxyz(-math.pi / 2)},
            {"token": "camera", "sensor_token": "cam", "translation": [1, 0, 1],
             "rotation": wxyz(0)},
        ],
        "ego_pose": [
            {"token": f"pose{i}", "translation": list(place), "rotation": wxyz(yaw)}
            for i, place, yaw in places
        ],
        "category": [
            {"token": "c", "name": "vehicle.car"}, {"token": "a", "name": "animal"},
        ],
        "instance": [
            {"token": "my car", "category_token": "c"}, {"token": "dog", "category_token": "a"},
        ],
        "sample_annotation": [
            annotation("box", "key", "my car"),
            annotation("other", "key", "dog", translation=[5.0, -6.0, 1.0]),
        ],
    }  # fmt: skip
