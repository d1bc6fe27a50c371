"""A drive as a rosbag2 recording with its ground truth, written without ROS."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys.store import Typestore

from pd_ros.replay.typestore import jazzy_typestore
from training.simulate.observe import SimulatedFrame

POINTS_TOPIC, POINTS_TYPE = "/points", "sensor_msgs/msg/PointCloud2"
TRUTH_TOPIC, TRUTH_TYPE = "/ground_truth", "vision_msgs/msg/Detection3DArray"
FRAME_ID = "lidar"
_POINT = np.dtype(
    [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "<f4"), ("ring", "<u2"), ("time", "<f4")]
)
_DATATYPE = {"<f4": 7, "<u2": 4}  # PointField.FLOAT32, UINT16


def write_recording(path: Path, frames: Iterable[SimulatedFrame]) -> None:
    """Write ``/points`` and ``/ground_truth``: one file for ``NAME.mcap``, else a folder.

    Raises ``ValueError`` if there is something at the path already.
    """
    if path.exists():
        raise ValueError(f"{path}: expected a new recording, found one; choose another --out")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".recording-") as temporary:
        folder = Path(temporary) / path.stem
        _write_folder(folder, frames)
        shutil.move(folder / f"{path.stem}.mcap" if path.suffix == ".mcap" else folder, path)


def _write_folder(folder: Path, frames: Iterable[SimulatedFrame]) -> None:
    typestore = jazzy_typestore()
    with Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        points = writer.add_connection(POINTS_TOPIC, POINTS_TYPE, typestore=typestore)
        truth = writer.add_connection(TRUTH_TOPIC, TRUTH_TYPE, typestore=typestore)
        for frame in frames:
            cloud, boxes = _cloud(typestore, frame), _detections(typestore, frame)
            writer.write(points, frame.stamp_ns, typestore.serialize_cdr(cloud, POINTS_TYPE))
            writer.write(truth, frame.stamp_ns, typestore.serialize_cdr(boxes, TRUTH_TYPE))


def _header(typestore: Typestore, stamp_ns: int) -> Any:
    time, header = (
        typestore.types[name] for name in ("builtin_interfaces/msg/Time", "std_msgs/msg/Header")
    )
    seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
    return header(stamp=time(sec=seconds, nanosec=nanoseconds), frame_id=FRAME_ID)


def _cloud(typestore: Typestore, frame: SimulatedFrame) -> Any:
    field = typestore.types["sensor_msgs/msg/PointField"]
    fields = [
        field(name=name, offset=offset, datatype=_DATATYPE[kind.str], count=1)
        for name, (kind, offset, *_) in (_POINT.fields or {}).items()
    ]
    data = _packed(frame)
    return typestore.types[POINTS_TYPE](
        header=_header(typestore, frame.stamp_ns),
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


def _detections(typestore: Typestore, frame: SimulatedFrame) -> Any:
    header = _header(typestore, frame.stamp_ns)
    detections = [
        _detection(typestore, header, box.tolist(), label, str(track))
        for box, label, track in zip(
            frame.boxes.astype(np.float64), frame.labels, frame.track_id, strict=True
        )
    ]
    return typestore.types[TRUTH_TYPE](header=header, detections=detections)


def _detection(
    typestore: Typestore, header: Any, box: list[float], label: str, track: str
) -> Any:
    types = typestore.types
    x, y, z, length, width, height, yaw = box
    pose = types["geometry_msgs/msg/Pose"](
        position=types["geometry_msgs/msg/Point"](x=x, y=y, z=z),
        orientation=types["geometry_msgs/msg/Quaternion"](
            x=0.0, y=0.0, z=float(np.sin(yaw / 2)), w=float(np.cos(yaw / 2))
        ),
    )
    hypothesis = types["vision_msgs/msg/ObjectHypothesisWithPose"](
        hypothesis=types["vision_msgs/msg/ObjectHypothesis"](class_id=label, score=1.0),
        pose=types["geometry_msgs/msg/PoseWithCovariance"](pose=pose, covariance=np.zeros(36)),
    )
    size = types["geometry_msgs/msg/Vector3"](x=length, y=width, z=height)
    return types["vision_msgs/msg/Detection3D"](
        header=header,
        results=[hypothesis],
        bbox=types["vision_msgs/msg/BoundingBox3D"](center=pose, size=size),
        id=track,
    )
