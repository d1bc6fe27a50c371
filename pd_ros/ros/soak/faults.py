"""The faulty clouds of a soak: each fault is one line that changes a good message."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import PointCloud2, PointField

NAMES = ("x", "y", "z", "intensity")  # of four float32, one after the other
_ROWS = 8  # of a cloud that has some
_MORE_THAN_FIT = 250_000  # points; shipped networks have room for 200,000
_Points = NDArray[np.float32]
Fault = Callable[[PointCloud2], None]


def good_cloud(points: _Points, stamp: Any) -> PointCloud2:
    """Points ``[N, 4]`` as a driver sends them; ``stamp``: a ``builtin_interfaces/Time``."""
    message = PointCloud2(height=1)
    message.header.stamp, message.header.frame_id = stamp, "lidar"
    _name_columns(message, NAMES, PointField.FLOAT32, 4)
    _put(message, points)
    return message


def _name_columns(message: PointCloud2, names: Sequence[str], datatype: int, size: int) -> None:
    """Have points of columns that are all of one type, ``size`` bytes each."""
    message.point_step = size * len(names)
    message.fields = [
        PointField(name=name, offset=size * index, datatype=datatype, count=1)
        for index, name in enumerate(names)
    ]


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


def _in_rows(message: PointCloud2) -> None:
    """Organise the points, but for a rest that fills no row."""
    width = message.width // _ROWS
    message.height, message.width, message.row_step = _ROWS, width, width * message.point_step
    message.data = message.data[: _ROWS * message.row_step]


def _row_step_of_all(message: PointCloud2) -> None:
    message.row_step = len(message.data)


def _doubles(message: PointCloud2) -> None:
    points = _points(message)
    _name_columns(message, NAMES, PointField.FLOAT64, 8)
    _put(message, points.astype(np.float64))


def _more_columns(message: PointCloud2) -> None:
    points = _points(message)
    _name_columns(message, (*NAMES, "ring", "time"), PointField.FLOAT32, 4)
    _put(message, np.hstack([points, np.zeros((len(points), 2), np.float32)]))


def _null_returns(points: _Points) -> _Points:
    """9 of 16 echoes never came back."""
    return np.where((np.arange(len(points)) % 16 < 9)[:, None], np.float32(0), points)


def _nan_intensity(every: int) -> Callable[[_Points], _Points]:
    def change(points: _Points) -> _Points:
        changed = points.copy()
        changed[::every, 3] = np.nan
        return changed

    return change


def _dual_return(points: _Points) -> _Points:
    """Two echoes of each beam by azimuth, of more beams where a network has room for all."""
    echoes = np.resize(np.repeat(points, 2, axis=0), (max(2 * len(points), _MORE_THAN_FIT), 4))
    echoes[1::2, :3] *= np.float32(1.01)
    sorted_echoes: _Points = echoes[np.argsort(np.arctan2(echoes[:, 1], echoes[:, 0]))]
    return sorted_echoes


# Layouts that sensors and drivers really have: their points are read, and answered.
READABLE: Mapping[str, Fault] = {
    "big endian": _both(_set(is_bigendian=True), _with_points(lambda points: points.byteswap())),
    "big endian, said to be little": _with_points(lambda points: points.byteswap()),
    "little endian, said to be big": _set(is_bigendian=True),
    "rows": _in_rows,
    "rows with null returns": _both(_with_points(_null_returns), _in_rows),
    "rows, row_step 0": _both(_in_rows, _set(row_step=0)),
    "rows, row_step of all data": _both(_in_rows, _row_step_of_all),
    "NaN as intensity": _with_points(_nan_intensity(1)),
    "NaN as some intensities": _with_points(_nan_intensity(3)),
    "intensity 0 to 255": _with_points(
        lambda points: points * np.array((1, 1, 1, 255), np.float32)
    ),
    "dual return": _with_points(_dual_return),
    "doubles": _doubles,
    "six columns": _more_columns,
}
FAULTS: Mapping[str, Fault] = {
    "empty": _with_points(lambda points: points[:0]),
    "NaN": _with_points(lambda points: np.full_like(points, np.nan)),
    "out of range": _with_points(lambda points: np.full_like(points, 1e4)),
    "no z": _without_field("z"),
    "no intensity": _without_field("intensity"),
    "short": _cut,
    "height 0": _set(height=0),
    "width 0": _set(width=0),
    "back": _hour_back,
    **READABLE,
}
