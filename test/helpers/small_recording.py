"""Recordings of a few small clouds, good ones and others."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer

from pd_ros.recordings.bag import DETECTIONS, POINT_CLOUD, TRUTH_TOPIC
from pd_ros.recordings.detections import NamedBoxes, detection_array, message_header
from pd_ros.recordings.typestore import jazzy_typestore

STAMP = 1_700_000_000_123_456_789
STEP_NS = 100_000_000
STORE = jazzy_typestore()


def cloud_points(count: int = 300, seed: int = 0) -> np.ndarray:
    """Points [N, 4] in the small model's range with a car of points ahead at (4, 1)."""
    points = np.random.default_rng(seed).uniform(-7, 7, (count, 4))
    points[:, 2] = -2
    points[: count // 3, :3] = points[: count // 3, :3] / 7 * (1.9, 0.8, 0.1) + (4, 1, -0.9)
    points[:, 3] = np.linspace(0, 1, count)
    return points.astype(np.float32)


def a_car() -> NamedBoxes:
    box = np.array([[4, 1, -0.9, 4, 1.8, 1.4, 0.25]], np.float32)
    return NamedBoxes(box, ("Car",), np.ones(1, np.float32))


def cloud_message(stamp: int, points: np.ndarray, **changes: Any) -> Any:
    """A PointCloud2 of float32 x, y, z, intensity; ``changes`` to its attributes, good or bad."""
    names = ("x", "y", "z", "intensity")
    field = STORE.types["sensor_msgs/msg/PointField"]
    values = {
        "header": message_header(STORE, stamp, "lidar"),
        "height": 1,
        "width": len(points),
        "fields": [field(name, 4 * i, 7, 1) for i, name in enumerate(names)],
        "is_bigendian": False,
        "point_step": 16,
        "row_step": 16 * len(points),
        "data": points.astype("<f4").view(np.uint8).ravel(),
        "is_dense": True,
    }
    return STORE.types[POINT_CLOUD](**{**values, **changes})


def write_clouds(
    path: Path,
    messages: Sequence[Any],
    truth: Iterable[tuple[int, NamedBoxes]] = (),
    topics: Sequence[str] = ("/points",),
    storage: StoragePlugin = StoragePlugin.MCAP,
) -> Path:
    """Write a rosbag2 folder; every topic of ``topics`` gets all the clouds."""
    with Writer(path, version=9, storage_plugin=storage) as writer:
        clouds = [writer.add_connection(topic, POINT_CLOUD, typestore=STORE) for topic in topics]
        for number, message in enumerate(messages):
            for connection in clouds:
                data = STORE.serialize_cdr(message, POINT_CLOUD)
                writer.write(connection, STAMP + number * STEP_NS, data)
        frames = list(truth)
        if frames:
            boxes = writer.add_connection(TRUTH_TOPIC, DETECTIONS, typestore=STORE)
        for stamp, named in frames:
            message = detection_array(STORE, stamp, named, "lidar")
            writer.write(boxes, stamp, STORE.serialize_cdr(message, DETECTIONS))
    return path


def drive(count: int = 3) -> list[Any]:
    """Clouds at 10 Hz."""
    return [cloud_message(STAMP + i * STEP_NS, cloud_points(seed=i)) for i in range(count)]


def write_bins(folder: Path, *names: str) -> Path:
    """A folder of small clouds in KITTI's format."""
    folder.mkdir(parents=True)
    for seed, name in enumerate(names):
        (folder / f"{name}.bin").write_bytes(cloud_points(seed=seed).tobytes())
    return folder
