"""The bytes of a cloud as they really lie, where its header says otherwise; no ROS needed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd_ros.pointcloud.layout import (
    DATATYPES,
    USUAL_NAMES,
    CloudBytes,
    CloudError,
    CloudField,
    CloudLayout,
    FieldNames,
    check_cloud,
    used_fields,
)

# A coordinate in metres lies between these, or is 0. Bytes in the wrong order, or of another type,
# have exponents of any size: six of seven are outside.
SMALLEST_M, LARGEST_M = 1e-6, 1e6
_MANY, _FEW = 0.1, 0.05  # shares of coordinates that cannot be
_LEAST_VALUES = 8  # fewer prove nothing
_SAMPLE = 256  # points


def field_view(field: CloudField, layout: CloudLayout, data: memoryview) -> NDArray[Any]:
    """One field of all points ``[height, width]``, without a copy."""
    dtype = np.dtype((">" if layout.is_bigendian else "<") + DATATYPES[field.datatype])
    return block_view(field, dtype, layout, data)


def block_view(
    first: CloudField, dtype: np.dtype[Any], layout: CloudLayout, data: memoryview
) -> NDArray[Any]:
    """The bytes of all points from a field on, read as ``dtype``: ``[height, width]``, no copy."""
    rows = layout.row_step if layout.height > 1 else layout.width * layout.point_step
    return np.ndarray(
        (layout.height, layout.width), dtype, data, first.offset, (rows, layout.point_step)
    )


def check_bytes(
    layout: CloudLayout, data: CloudBytes, names: FieldNames = USUAL_NAMES
) -> CloudLayout:
    """As :func:`check_cloud`, with ``row_step`` corrected by what the data holds.

    Costs microseconds for a header that is right, as all that it says of rows fits the data.
    """
    view = memoryview(data)  # type: ignore[arg-type]  # numpy's arrays have the protocol, too
    return check_cloud(_true_rows(layout, view), view.nbytes, names)


def true_layout(
    layout: CloudLayout, data: memoryview, names: FieldNames = USUAL_NAMES
) -> CloudLayout:
    """Return the layout by which the bytes make sense; mostly the one they came with.

    ``row_step`` is corrected as in :func:`check_bytes`, ``is_bigendian`` where coordinates cannot
    be in metres as it says, and are in the other order. Looks at some points only. Raises
    :class:`CloudError` as :func:`check_bytes` does.
    """
    layout = check_bytes(layout, data, names)
    if layout.points == 0:
        return layout
    xyz = used_fields(layout, names).xyz
    if not all(DATATYPES[field.datatype][0] == "f" for field in xyz):
        return layout  # whole numbers of any size may be metres
    # An odd step: lasers and returns come in even numbers, and none may be looked at alone.
    few = layout.every(min(layout.points // _SAMPLE | 1, max(layout.width, layout.height)))
    if implausible_share(_coordinates(few, data, xyz)) <= _MANY:
        return layout
    other = layout._replace(is_bigendian=not layout.is_bigendian)
    swapped = few._replace(is_bigendian=other.is_bigendian)
    return other if implausible_share(_coordinates(swapped, data, xyz)) < _FEW else layout


def _true_rows(layout: CloudLayout, data: memoryview) -> CloudLayout:
    """Return the layout with the rows apart as far as the data says, where the header is wrong.

    A header may say that rows follow each other without a gap, or nothing possible, while the
    data is longer. Then either each row has a gap behind it, or the rest was never used: what
    nobody wrote holds one value. Raises :class:`CloudError` where neither does.
    """
    filled = layout.width * layout.point_step
    row_bytes, rest = divmod(data.nbytes, max(layout.height, 1))
    gaps_told = layout.row_step > filled and layout.row_step * layout.height <= data.nbytes
    if not layout.points or layout.height == 1 or rest or row_bytes <= filled or gaps_told:
        return layout
    values = np.frombuffer(data, np.uint8)
    gaps = values.reshape(layout.height, row_bytes)[:, filled:]
    if (gaps == gaps[0, 0]).all():
        return layout._replace(row_step=row_bytes)
    unused = values[layout.height * filled :]
    if layout.row_step == filled and not (unused == unused[0]).all():
        raise CloudError(
            "row_step",
            f"row_step: expected {row_bytes} for {data.nbytes} bytes of data in {layout.height}"
            f" rows, got {layout.row_step}, and neither what would lie between such rows nor what"
            " would be left is empty; correct the header",
        )
    return layout


def has_coordinates(layout: CloudLayout, data: bytes) -> bool:
    """Whether x, y and z of a cloud can be metres, in either byte order; so can those of none.

    Raises :class:`CloudError` as :func:`check_cloud` does.
    """
    view = memoryview(data)
    layout = true_layout(layout, view)
    if not layout.points:
        return True
    few = layout.every(max(1, layout.points // 1000) | 1)  # odd: lasers come in even numbers
    xyz = used_fields(few, USUAL_NAMES).xyz
    return implausible_share(_coordinates(few, view, xyz)) <= _MANY


def implausible_share(metres: NDArray[Any]) -> float:
    """Share of values that are no coordinates, of those that are neither 0 nor not finite.

    0 where there are too few of these to tell.
    """
    size = np.abs(metres[np.isfinite(metres) & (metres != 0)])
    if len(size) < _LEAST_VALUES:
        return 0.0
    return float(((size < SMALLEST_M) | (size > LARGEST_M)).mean())


def _coordinates(
    layout: CloudLayout, data: memoryview, xyz: tuple[CloudField, ...]
) -> NDArray[Any]:
    return np.stack([field_view(field, layout, data) for field in xyz])
