"""A drive as a rosbag2 recording with its ground truth, written without ROS."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys.store import Typestore

from pd_ros.process.unfinished import unfinished_folder
from pd_ros.recordings.bag import DETECTIONS, POINT_CLOUD, TRUTH_TOPIC
from pd_ros.recordings.detections import NamedBoxes, detection_array, message_header
from pd_ros.recordings.typestore import jazzy_typestore
from training.simulate.lidar.observe import SimulatedFrame

POINTS_TOPIC = "/points"
FRAME_ID = "lidar"
_POINT = np.dtype(
    [
        ("x", "<f4"),
        ("y", "<f4"),
        ("z", "<f4"),
        ("intensity", "<f4"),
        ("ring", "<u2"),
        ("time", "<f4"),
    ]
)
_DATATYPE = {"<f4": 7, "<u2": 4}  # PointField.FLOAT32, UINT16


def write_recording(path: Path, frames: Iterable[SimulatedFrame]) -> None:
    """Write ``/points`` and ``/ground_truth``: one file for ``NAME.mcap``, else a folder.

    Raises ``ValueError`` if there is something at the path already.
    """
    if path.exists():
        raise ValueError(f"{path}: expected a new recording, found one; choose another --out")
    with unfinished_folder(path.parent) as unfinished:
        folder = unfinished / path.stem
        _write_folder(folder, frames)
        shutil.move(folder / f"{path.stem}.mcap" if path.suffix == ".mcap" else folder, path)


def _write_folder(folder: Path, frames: Iterable[SimulatedFrame]) -> None:
    typestore = jazzy_typestore()
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        points = writer.add_connection(POINTS_TOPIC, POINT_CLOUD, typestore=typestore)
        truth = writer.add_connection(TRUTH_TOPIC, DETECTIONS, typestore=typestore)
        for frame in frames:
            cloud = _cloud(typestore, frame)
            boxes = detection_array(typestore, frame.stamp_ns, _truth(frame), FRAME_ID)
            writer.write(points, frame.stamp_ns, typestore.serialize_cdr(cloud, POINT_CLOUD))
            writer.write(truth, frame.stamp_ns, typestore.serialize_cdr(boxes, DETECTIONS))


def _cloud(typestore: Typestore, frame: SimulatedFrame) -> Any:
    field = typestore.types["sensor_msgs/msg/PointField"]
    fields = [
        field(name=name, offset=offset, datatype=_DATATYPE[kind.str], count=1)
        for name, (kind, offset, *_) in (_POINT.fields or {}).items()
    ]
    data = _packed(frame)
    return typestore.types[POINT_CLOUD](
        header=message_header(typestore, frame.stamp_ns, FRAME_ID),
        height=1,
        width=len(frame.points),
        fields=fields,
        is_bigendian=False,
        point_step=_POINT.itemsize,
        row_step=len(data),
        data=data,
        is_dense=True,
    )


def _packed(frame: SimulatedFrame) -> NDArray[np.uint8]:
    packed = np.empty(len(frame.points), dtype=_POINT)
    for column, name in enumerate(("x", "y", "z", "intensity")):
        packed[name] = frame.points[:, column]
    packed["ring"], packed["time"] = frame.ring, frame.time_s
    return packed.view(np.uint8)


def _truth(frame: SimulatedFrame) -> NamedBoxes:
    tracks = tuple(str(track) for track in frame.track_id)
    return NamedBoxes(frame.boxes, frame.labels, np.ones(len(tracks), np.float32), tracks)
