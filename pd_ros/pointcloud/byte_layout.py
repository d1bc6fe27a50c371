"""The bytes of a cloud as they really lie, where its header says otherwise; no ROS needed."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd_ros.pointcloud.layout import (
    DATATYPES,
    USUAL_NAMES,
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
    rows = layout.row_step if layout.height > 1 else layout.width * layout.point_step
    return np.ndarray(
        (layout.height, layout.width), dtype, data, field.offset, (rows, layout.point_step)
    )


def true_layout(
    layout: CloudLayout, data: memoryview, names: FieldNames = USUAL_NAMES
) -> CloudLayout:
    """Return the layout by which the bytes make sense; mostly the one they came with.

    ``row_step`` is corrected as in :func:`check_cloud`, ``is_bigendian`` where coordinates cannot
    be in metres as it says, and are in the other order. Looks at some points only. Raises
    :class:`CloudError` as :func:`check_cloud` does.
    """
    layout = check_cloud(layout, data.nbytes, names)
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
