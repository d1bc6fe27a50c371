"""A serialised ``sensor_msgs/PointCloud2`` as it came from the wire, without a copy of its points.

rclpy's own message costs a copy of all bytes; the header and the fields are a few hundred.
"""

import struct
from typing import NamedTuple

from pd_ros.pointcloud.layout import CloudBytes, CloudField, CloudLayout

_MOST_FIELDS = 1000


class EncodingError(ValueError):
    """Bytes in an encoding that only the middleware may know."""


class Stamp(NamedTuple):
    """As ``builtin_interfaces/Time``."""

    sec: int
    nanosec: int

    @property
    def ns(self) -> int:
        """Nanoseconds since the epoch."""
        return self.sec * 1_000_000_000 + self.nanosec


class CloudHeader(NamedTuple):
    """As ``std_msgs/Header``."""

    stamp: Stamp
    frame_id: str


class CloudMessage(NamedTuple):
    """A cloud of which only the header has been read."""

    header: CloudHeader
    layout: CloudLayout
    data: CloudBytes


def parse_cloud(cdr: bytes) -> CloudMessage:
    """Read everything but the points, which stay a view of ``cdr``.

    Raises ``EncodingError`` for bytes that are not plain CDR (XCDR1), and ``ValueError`` for
    those that are, but not of a whole ``PointCloud2``.
    """
    try:
        return _parse(cdr)
    except (struct.error, IndexError) as error:
        raise ValueError(f"PointCloud2: expected whole CDR, it ends too early ({error})") from None


def _parse(cdr: bytes) -> CloudMessage:
    if cdr[:2] not in (b"\x00\x00", b"\x00\x01"):
        raise EncodingError(f"PointCloud2: expected plain CDR, got encapsulation {cdr[:2].hex()}")
    reader = _Reader(cdr)
    sec, nanosec = reader.read("i"), reader.read("I")
    header = CloudHeader(Stamp(sec, nanosec), reader.text())
    height, width, count = reader.read("I"), reader.read("I"), reader.read("I")
    if count > _MOST_FIELDS:
        raise ValueError(f"PointCloud2: expected up to {_MOST_FIELDS} fields, got {count}")
    fields = tuple(reader.field() for _ in range(count))
    big, step, row = bool(reader.read("B")), reader.read("I"), reader.read("I")
    size = reader.read("I")
    data = memoryview(cdr)[reader.place : reader.place + size]
    if len(data) < size:
        raise ValueError(f"PointCloud2: expected {size} bytes of data, got {len(data)}")
    return CloudMessage(header, CloudLayout(width, height, step, row, big, fields), data)


class _Reader:
    """Reads values at their alignment, which counts from behind the encapsulation."""

    def __init__(self, cdr: bytes) -> None:
        self._cdr = cdr
        self._order = "<" if cdr[1] else ">"
        self.place = 4

    def read(self, kind: str) -> int:
        size = struct.calcsize(kind)
        self.place += -(self.place - 4) % size
        (value,) = struct.unpack_from(self._order + kind, self._cdr, self.place)
        self.place += size
        return int(value)

    def text(self) -> str:
        size = self.read("I")
        raw = self._cdr[self.place : self.place + size]
        if len(raw) < size:
            raise IndexError("a text is cut")
        self.place += size
        return raw.rstrip(b"\x00").decode(errors="replace")

    def field(self) -> CloudField:
        name, offset, datatype = self.text(), self.read("I"), self.read("B")
        self.read("I")  # count
        return CloudField(name, offset, datatype)
