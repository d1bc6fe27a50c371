"""A bag of ROS 1 with a few clouds."""

from pathlib import Path
from typing import Any

from rosbags.rosbag1 import Writer
from rosbags.typesys import Stores, get_typestore
from small_recording import drive

from pd_ros.recordings.bag import POINT_CLOUD
from pd_ros.recordings.detections import stamp_ns


def write_bag(path: Path) -> Path:
    """Three clouds on /points."""
    noetic = get_typestore(Stores.ROS1_NOETIC)
    with Writer(path) as bag:
        connection = bag.add_connection("/points", POINT_CLOUD, typestore=noetic)
        for number, message in enumerate(drive(3)):
            cloud = _of_ros1(noetic.types, message, number)
            time_ns = stamp_ns(message.header)
            bag.write(connection, time_ns, noetic.serialize_ros1(cloud, POINT_CLOUD))
    return path


def _of_ros1(types: Any, message: Any, number: int) -> Any:
    """The same cloud; the header has a number besides."""
    stamp = message.header.stamp
    header = types["std_msgs/msg/Header"](
        seq=number,
        stamp=types["builtin_interfaces/msg/Time"](sec=stamp.sec, nanosec=stamp.nanosec),
        frame_id=message.header.frame_id,
    )
    values = {key: getattr(message, key) for key in vars(message) if not key.startswith("_")}
    return types[POINT_CLOUD](**{**values, "header": header})
