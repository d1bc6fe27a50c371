"""Layout of a ``sensor_msgs/PointCloud2``'s points in its bytes, checked before any is read."""

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

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

    @property
    def points(self) -> int:
        """Count the points."""
        return self.width * self.height

    def every(self, step: int) -> "CloudLayout":
        """Return the layout of every ``step``-th point (or row, in a cloud that is tall)."""
        if self.width >= self.height:
            return self._replace(width=self.width // step, point_step=self.point_step * step)
        return self._replace(height=self.height // step, row_step=self.row_step * step)

    def text(self) -> str:
        """Say it to a reader: fields with types and offsets, size."""
        kinds = [(f.name, DATATYPES.get(f.datatype, "?"), f.offset) for f in self.fields]
        fields = " ".join(f"{name}:{kind}@{offset}" for name, kind, offset in kinds)
        order = ", big endian" if self.is_bigendian else ""
        return f"{fields or 'no fields'}, {self.point_step} bytes a point{order}"


class FieldNames(NamedTuple):
    """What the fields are called; an empty name of the intensity: the first that is known."""

    x: str = "x"
    y: str = "y"
    z: str = "z"
    intensity: str = ""


class UsedFields(NamedTuple):
    """The fields that are read."""

    xyz: tuple[CloudField, CloudField, CloudField]
    intensity: CloudField | None


USUAL_NAMES = FieldNames()


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


def check_cloud(
    layout: CloudLayout, num_bytes: int, names: FieldNames = USUAL_NAMES
) -> CloudLayout:
    """Return the layout by which ``num_bytes`` bytes of data can be read.

    That is ``layout``, unless its ``row_step`` is wrong and the rows follow each other without a
    gap. Raises :class:`CloudError` for bytes that cannot be read. Costs microseconds: nothing is
    read. A cloud of no points is a good one, fields or not, unless its data has some.
    """
    if layout.points == 0:
        _check_empty(layout, num_bytes)
        return layout
    used = used_fields(layout, names)
    for field in (*used.xyz, used.intensity):
        if field is not None:
            _check_field(field, layout)
    filled = layout.width * layout.point_step
    if layout.height > 1 and num_bytes == layout.height * filled:
        return layout._replace(row_step=filled)  # as many as without a gap: there is none
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
    return layout


def _check_empty(layout: CloudLayout, num_bytes: int) -> None:
    """Raise :class:`CloudError` for a cloud of no points that has the bytes of some."""
    if num_bytes >= max(layout.point_step, 1):
        raise CloudError(
            "width or height 0",
            f"width, height: expected those of {num_bytes} bytes of data, got width"
            f" {layout.width} and height {layout.height}, which are no points; correct the header"
            " (points in no rows have height 1)",
        )


def used_fields(layout: CloudLayout, names: FieldNames = USUAL_NAMES) -> UsedFields:
    """Return the fields of x, y, z and, if there is one, intensity.

    A name that no field has is also looked for in upper and lower case (``X`` for ``x``). Raises
    :class:`CloudError` for one that is missing, or there twice at different places. An intensity
    that is named must be there; one that is not named may be missing.
    """
    known = [field.name for field in layout.fields]
    wanted = [names.x, names.y, names.z, *([names.intensity] if names.intensity else [])]
    missing = [name for name in wanted if not _fields_of(layout, name)]
    if missing:
        raise CloudError(
            f"no field {', '.join(missing)}",
            f"fields: expected {', '.join(wanted)}, got {', '.join(known) or 'none'}; choose a"
            " topic or a file of 3D points, rename the fields, or give the node their names by"
            " input.field_map",
        )
    intensity = names.intensity or _intensity_name(known)
    wanted = [names.x, names.y, names.z, *([intensity] if intensity else [])]
    found = [_fields_of(layout, name) for name in wanted]
    if any(len(fields) > 1 for fields in found):
        raise CloudError(
            "doubled field",
            f"fields: expected each name once, got {', '.join(known)}; rename one of them",
        )
    x, y, z, *rest = (fields[0] for fields in found)
    return UsedFields((x, y, z), rest[0] if rest else None)


def _fields_of(layout: CloudLayout, name: str) -> list[CloudField]:
    """Different fields of a name; of the same in another case only where none is spelt so."""
    same = [field for field in layout.fields if field.name == name]
    alike = [field for field in layout.fields if field.name.lower() == name.lower()]
    return list(dict.fromkeys(same or alike))


def _intensity_name(known: Sequence[str]) -> str | None:
    lower = [name.lower() for name in known]
    for name in INTENSITY_NAMES:
        if name in lower:
            return known[lower.index(name)]
    return None


def extra_field(layout: CloudLayout, name: str) -> CloudField | None:
    """Return the field of a name, in upper or lower case, or None.

    Raises :class:`CloudError` for one that cannot be read.
    """
    for field in layout.fields:
        if field.name.lower() == name:
            _check_field(field, layout)
            return field
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
