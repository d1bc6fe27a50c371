"""Boxes in recordings: ``vision_msgs/Detection3DArray`` to arrays and back, without ROS."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys.store import Typestore

from pd_ros.pointcloud.decode import Float32
from pd_ros.recordings.bag import DETECTIONS
from pd_ros.recordings.sound_boxes import refuse_unsound_boxes
from pd_ros.recordings.typestore import jazzy_typestore


class NamedBoxes(NamedTuple):
    """Boxes of one moment with the names of their classes; M of them, maybe 0."""

    boxes: Float32  # [M, 7] as in types.py, in the frame of the cloud
    names: tuple[str, ...]  # [M]
    scores: Float32  # [M], 1 where the source gives none
    ids: tuple[str, ...] = ()  # [M] of the tracks; () where nothing is tracked
    frame_id: str = ""  # where the boxes are; "" where the source does not say

    @classmethod
    def empty(cls) -> "NamedBoxes":
        """No boxes: what an empty scene gives."""
        return cls(np.zeros((0, 7), np.float32), (), np.zeros(0, np.float32))


def stamp_ns(header: Any) -> int:
    """Nanoseconds of a message header's stamp, of ROS 1 or 2."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)


def read_detection_array(message: Any) -> NamedBoxes:
    """Boxes of a ``Detection3DArray``; the class is that of the hypothesis of highest score.

    The pose of ``bbox`` is the box's centre, ``size`` its full extents. Roll and pitch are left
    out, and quaternions are brought to length 1. A detection without hypothesis has the name "".
    No detections give no boxes. Raises ``ValueError`` for a box that cannot be.
    """
    boxes, names, scores = [], [], []
    for detection in message.detections:
        hypotheses = [result.hypothesis for result in detection.results]
        best = max(hypotheses, key=lambda hypothesis: hypothesis.score, default=None)
        centre, size = detection.bbox.center, detection.bbox.size
        place = (centre.position.x, centre.position.y, centre.position.z)
        boxes.append((*place, size.x, size.y, size.z, _yaw_rad(centre.orientation)))
        names.append(best.class_id if best else "")
        scores.append(best.score if best else 1.0)
    ids = tuple(detection.id for detection in message.detections)
    array = np.array(boxes, dtype=np.float32).reshape(-1, 7)
    refuse_unsound_boxes(array, lambda index: f"box {index}")
    return NamedBoxes(
        array,
        tuple(names),
        np.array(scores, np.float32),
        ids if any(ids) else (),
        message.header.frame_id,
    )


def write_detections(
    path: Path,
    frames: Iterable[tuple[int, NamedBoxes]],
    topic: str = "/detections",
    frame_id: str = "lidar",
) -> None:
    """Write a rosbag2 recording (mcap) of a ``Detection3DArray`` for each stamp in nanoseconds.

    ``path`` is the folder to be made, with those above it. Raises ``ValueError`` if it is there
    already.
    """
    if path.exists():
        raise ValueError(f"{path}: expected a new folder, there is one already; choose another")
    path.parent.mkdir(parents=True, exist_ok=True)
    typestore = jazzy_typestore()
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection(topic, DETECTIONS, typestore=typestore)
        for stamp, boxes in frames:
            message = detection_array(typestore, stamp, boxes, frame_id)
            writer.write(connection, stamp, typestore.serialize_cdr(message, DETECTIONS))


def detection_array(typestore: Typestore, stamp: int, boxes: NamedBoxes, frame_id: str) -> Any:
    """Return the message for boxes at a stamp in nanoseconds; ``typestore``: jazzy_typestore()."""
    types = typestore.types
    header = message_header(typestore, stamp, frame_id)
    ids = boxes.ids or ("",) * len(boxes.names)
    detections = [
        types["vision_msgs/msg/Detection3D"](
            header=header,
            results=[_result(typestore, box, name, float(score))],
            bbox=_bounding_box(typestore, box),
            id=track,
        )
        for box, name, score, track in zip(
            boxes.boxes.astype(float), boxes.names, boxes.scores, ids, strict=True
        )
    ]
    return types[DETECTIONS](header=header, detections=detections)


def message_header(typestore: Typestore, stamp: int, frame_id: str) -> Any:
    """Return the header for a stamp in nanoseconds, the inverse of :func:`stamp_ns`."""
    seconds, nanoseconds = divmod(stamp, 1_000_000_000)
    time = typestore.types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
    return typestore.types["std_msgs/msg/Header"](stamp=time, frame_id=frame_id)


def _result(typestore: Typestore, box: NDArray[np.float64], name: str, score: float) -> Any:
    types = typestore.types
    pose = types["geometry_msgs/msg/PoseWithCovariance"](
        pose=_pose(typestore, box), covariance=np.zeros(36)
    )
    hypothesis = types["vision_msgs/msg/ObjectHypothesis"](class_id=name, score=score)
    return types["vision_msgs/msg/ObjectHypothesisWithPose"](hypothesis=hypothesis, pose=pose)


def _bounding_box(typestore: Typestore, box: NDArray[np.float64]) -> Any:
    length, width, height = (float(value) for value in box[3:6])
    size = typestore.types["geometry_msgs/msg/Vector3"](x=length, y=width, z=height)
    return typestore.types["vision_msgs/msg/BoundingBox3D"](
        center=_pose(typestore, box), size=size
    )


def _pose(typestore: Typestore, box: NDArray[np.float64]) -> Any:
    x, y, z = (float(value) for value in box[:3])
    half_yaw = float(box[6]) / 2
    return typestore.types["geometry_msgs/msg/Pose"](
        position=typestore.types["geometry_msgs/msg/Point"](x=x, y=y, z=z),
        orientation=typestore.types["geometry_msgs/msg/Quaternion"](
            x=0.0, y=0.0, z=math.sin(half_yaw), w=math.cos(half_yaw)
        ),
    )


def _yaw_rad(orientation: Any) -> float:
    quaternion = np.array([orientation.x, orientation.y, orientation.z, orientation.w])
    largest = np.abs(quaternion).max()
    if not (math.isfinite(largest) and largest > 0):
        return math.nan
    x, y, z, w = (quaternion / largest).tolist()  # their squares would overflow or vanish
    yaw = math.atan2(2 * (w * z + x * y), w * w + x * x - y * y - z * z)
    # Also where it is pi only after rounding to the boxes' float32.
    return -math.pi if np.float32(yaw) >= np.float32(math.pi) else yaw
