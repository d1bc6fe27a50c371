"""The faulty clouds of a soak: each fault is one line that changes a good message."""

from array import array
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField

NAMES = ("x", "y", "z", "intensity")  # of four float32, one after the other
_Points = NDArray[np.float32]
Fault = Callable[[PointCloud2], None]


def good_cloud(points: _Points, stamp: Any) -> PointCloud2:
    """Points ``[N, 4]`` as a driver sends them; ``stamp``: a ``builtin_interfaces/Time``."""
    fields = [
        PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
        for index, name in enumerate(NAMES)
    ]
    message = PointCloud2(height=1, point_step=16, fields=fields)
    message.header.stamp, message.header.frame_id = stamp, "lidar"
    _put(message, points)
    return message


def _put(message: PointCloud2, points: NDArray[np.generic]) -> None:
    """Have these points in a message, in the bytes that they are made of."""
    message.width, message.row_step = len(points), message.point_step * len(points)
    message.data = array("B", points.tobytes())


def _points(message: PointCloud2) -> _Points:
    return np.frombuffer(message.data, np.float32).reshape(-1, len(NAMES))


def _with_points(change: Callable[[_Points], NDArray[np.generic]]) -> Fault:
    return lambda message: _put(message, change(_points(message)))


def _without_field(name: str) -> Fault:
    def fault(message: PointCloud2) -> None:
        message.fields = [field for field in message.fields if field.name != name]

    return fault


def _set(**values: Any) -> Fault:
    def fault(message: PointCloud2) -> None:
        for name, value in values.items():
            setattr(message, name, value)

    return fault


def _cut(message: PointCloud2) -> None:
    message.data = message.data[:-8]


def _hour_back(message: PointCloud2) -> None:
    message.header.stamp.sec -= 3600


def _both(*faults: Fault) -> Fault:
    def fault(message: PointCloud2) -> None:
        for one in faults:
            one(message)

    return fault


FAULTS: Mapping[str, Fault] = {
    "empty": _with_points(lambda points: points[:0]),
    "NaN": _with_points(lambda points: np.full_like(points, np.nan)),
    "out of range": _with_points(lambda points: np.full_like(points, 1e4)),
    "no z": _without_field("z"),
    "no intensity": _without_field("intensity"),
    "short": _cut,
    "big endian": _both(_set(is_bigendian=True), _with_points(lambda points: points.byteswap())),
    "back": _hour_back,
}
