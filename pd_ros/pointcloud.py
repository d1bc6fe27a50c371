"""The bytes of a ``sensor_msgs/PointCloud2`` to points, whatever their layout; no ROS needed."""

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
CloudBytes = bytes | bytearray | memoryview | NDArray[np.uint8] | array  # type: ignore[type-arg]

# PointField's codes. Kinds without byte order; that is the cloud's.
DATATYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 8: "f8"}
# What drivers call the strength of the echo, best first; compared in lower case.
INTENSITY_NAMES = ("intensity", "i", "intensities", "reflectivity", "reflectance", "remission")


class CloudError(ValueError):
    """A cloud that cannot be read; ``reason`` is short and the same for all clouds like it."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class CloudField(NamedTuple):
    """One ``PointField``, without its count: of several values only the first is read."""

    name: str
    offset: int  # bytes from the start of the point
    datatype: int  # PointField's code, 1 to 8


class CloudLayout(NamedTuple):
    """How the points lie in ``data``: everything in the message but header and bytes."""

    width: int
    height: int
    point_step: int  # bytes from a point to the next
    row_step: int  # bytes from a row to the next; not used if there is only one
    is_bigendian: bool
    fields: tuple[CloudField, ...]


def cloud_layout(message: Any) -> CloudLayout:
    """Return the layout of a message with ``PointCloud2``'s attributes, from ROS or rosbags."""
    return CloudLayout(
        width=int(message.width),
        height=int(message.height),
        point_step=int(message.point_step),
        row_step=int(message.row_step),
        is_bigendian=bool(message.is_bigendian),
        fields=tuple(
            CloudField(field.name, int(field.offset), int(field.datatype))
            for field in message.fields
        ),
    )


def check_cloud(layout: CloudLayout, num_bytes: int) -> None:
    """Raise :class:`CloudError` if ``num_bytes`` bytes of data cannot be read by this layout.

    Costs microseconds: nothing is read. A cloud of no points is a good one, fields or not.
    """
    if layout.width * layout.height == 0:
        return
    for field in _used_fields(layout):
        _check_field(field, layout)
    filled = layout.width * layout.point_step
    if layout.height > 1 and layout.row_step < filled:
        raise CloudError(
            "row_step",
            f"row_step: expected at least {filled} bytes (width {layout.width} x point_step"
            f" {layout.point_step}), got {layout.row_step}; correct the header",
        )
    needed = (layout.height - 1) * layout.row_step + filled
    if num_bytes < needed:
        raise CloudError(
            "short data",
            f"data: expected {needed} bytes for {layout.height} x {layout.width} points of"
            f" {layout.point_step} bytes, got {num_bytes}; the cloud was cut on its way, or its"
            " header is wrong",
        )


def decode_points(
    layout: CloudLayout, data: CloudBytes, intensity_scale: float = 1.0, z_offset_m: float = 0.0
) -> Float32:
    """Points ``[N, 4]``: x, y, z in metres and intensity, in the cloud's frame and order.

    Integer intensities are divided by their type's maximum, then all are multiplied by
    ``intensity_scale``; without an intensity field (see ``INTENSITY_NAMES``) they are 0.
    ``z_offset_m`` is added to z. Points with a value that is not finite, or not so in float32,
    are left out. The result is a new array; ``data`` is only read. A cloud of no points gives
    ``[0, 4]``. Raises :class:`CloudError` as :func:`check_cloud` does.
    """
    view = memoryview(data)  # type: ignore[arg-type]  # numpy's arrays have the protocol, too
    check_cloud(layout, view.nbytes)
    shape = (layout.height, layout.width)
    points = np.zeros((*shape, 4), np.float32)
    if points.size == 0:
        return points.reshape(0, 4)
    with np.errstate(over="ignore", invalid="ignore"):
        for column, field in enumerate(_used_fields(layout)):
            points[..., column] = _field_view(field, layout, view)
            if column == 3:
                points[..., 3] *= intensity_scale / _full_scale(field)
        if z_offset_m:
            points[..., 2] += z_offset_m
    return _finite(points.reshape(-1, 4))


def _used_fields(layout: CloudLayout) -> tuple[CloudField, ...]:
    """Fields of x, y, z and, if there is one, intensity."""
    known = [field.name for field in layout.fields]
    names = ["x", "y", "z"]
    missing = [name for name in names if name not in known]
    if missing:
        raise CloudError(
            f"no field {', '.join(missing)}",
            f"fields: expected x, y and z, got {', '.join(known) or 'none'}; choose a topic or"
            " a file of 3D points",
        )
    intensity = _intensity_name(known)
    names += [intensity] if intensity else []
    doubled = [name for name in names if known.count(name) > 1]
    if doubled:
        raise CloudError(
            "doubled field",
            f"fields: expected each name once, got {', '.join(known)}; rename one of them",
        )
    return tuple(layout.fields[known.index(name)] for name in names)


def _intensity_name(known: Sequence[str]) -> str | None:
    lower = [name.lower() for name in known]
    for name in INTENSITY_NAMES:
        if name in lower:
            return known[lower.index(name)]
    return None


def _check_field(field: CloudField, layout: CloudLayout) -> None:
    if field.datatype not in DATATYPES:
        raise CloudError(
            "datatype",
            f"field {field.name}: expected a datatype from 1 (INT8) to 8 (FLOAT64),"
            f" got {field.datatype}; correct the header",
        )
    size = np.dtype(DATATYPES[field.datatype]).itemsize
    if field.offset < 0 or field.offset + size > layout.point_step:
        raise CloudError(
            "point_step",
            f"field {field.name}: expected its {size} bytes within point_step"
            f" {layout.point_step}, got offset {field.offset}; correct the header",
        )


def _field_view(field: CloudField, layout: CloudLayout, data: memoryview) -> NDArray[Any]:
    """One field of all points ``[height, width]``, without a copy."""
    dtype = np.dtype((">" if layout.is_bigendian else "<") + DATATYPES[field.datatype])
    rows = layout.row_step if layout.height > 1 else layout.width * layout.point_step
    return np.ndarray(
        (layout.height, layout.width), dtype, data, field.offset, (rows, layout.point_step)
    )


def _full_scale(field: CloudField) -> float:
    kind = np.dtype(DATATYPES[field.datatype])
    return float(np.iinfo(kind).max) if kind.kind in "iu" else 1.0


def _finite(points: Float32) -> Float32:
    """Leave out the points that are not finite; one sum tells whether there may be any."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(points.sum()):
            return points
    kept: Float32 = points[np.isfinite(points).all(axis=1)]
    return kept
