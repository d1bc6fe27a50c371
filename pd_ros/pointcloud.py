"""The bytes of a ``sensor_msgs/PointCloud2`` to points, whatever their layout; no ROS needed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd_ros.cloud_layout import (
    DATATYPES,
    USUAL_NAMES,
    CloudBytes,
    CloudField,
    CloudLayout,
    FieldNames,
    check_cloud,
    extra_field,
    used_fields,
)

Float32 = NDArray[np.float32]
INTENSITY_MODES = ("auto", "scale", "constant", "zero")


@dataclass(frozen=True)
class Reading:
    """How the values of a cloud are to be understood.

    ``auto``: intensities of whole numbers are divided by their type's maximum, then as ``scale``:
    times ``scale`` plus ``offset``. ``constant`` and ``zero`` do not read them.
    """

    names: FieldNames = USUAL_NAMES
    mode: str = "auto"  # one of INTENSITY_MODES
    scale: float = 1.0
    offset: float = 0.0
    constant: float = 0.0
    extras: tuple[str, ...] = ()  # fields that follow the intensity; 0 where there is none


AS_IT_IS = Reading()


def decode_points(layout: CloudLayout, data: CloudBytes, reading: Reading = AS_IT_IS) -> Float32:
    """Points ``[N, 4 + E]``: x, y, z in metres, intensity, E ``extras``, in the cloud's order.

    Without an intensity field (see ``INTENSITY_NAMES``) intensities that would be read are 0.
    Points with a value that is not finite, or not so in float32, are left out. The result is a
    new array; ``data`` is only read. A cloud of no points gives ``[0, 4 + E]``. Raises
    :class:`CloudError` as :func:`check_cloud` does.
    """
    return _finite(decode_all(layout, data, reading))


def decode_all(layout: CloudLayout, data: CloudBytes, reading: Reading = AS_IT_IS) -> Float32:
    """As :func:`decode_points`, with the points that are not finite among them."""
    view = memoryview(data)  # type: ignore[arg-type]  # numpy's arrays have the protocol, too
    check_cloud(layout, view.nbytes, reading.names)
    columns = 4 + len(reading.extras)
    points = np.zeros((layout.height, layout.width, columns), np.float32)
    if points.size == 0:
        return points.reshape(0, columns)
    used = used_fields(layout, reading.names)
    with np.errstate(over="ignore", invalid="ignore"):
        for column, field in enumerate(used.xyz):
            points[..., column] = _field_view(field, layout, view)
        if reading.mode == "constant":
            points[..., 3] = reading.constant
        elif reading.mode != "zero" and used.intensity is not None:
            points[..., 3] = _field_view(used.intensity, layout, view)
            points[..., 3] *= reading.scale / _full_scale(used.intensity, reading.mode)
            if reading.offset:
                points[..., 3] += reading.offset
        for column, name in enumerate(reading.extras, start=4):
            extra = extra_field(layout, name)
            if extra is not None:
                points[..., column] = np.nan_to_num(_field_view(extra, layout, view), copy=True)
    return points.reshape(-1, columns)


def _field_view(field: CloudField, layout: CloudLayout, data: memoryview) -> NDArray[Any]:
    """One field of all points ``[height, width]``, without a copy."""
    dtype = np.dtype((">" if layout.is_bigendian else "<") + DATATYPES[field.datatype])
    rows = layout.row_step if layout.height > 1 else layout.width * layout.point_step
    return np.ndarray(
        (layout.height, layout.width), dtype, data, field.offset, (rows, layout.point_step)
    )


def _full_scale(field: CloudField, mode: str) -> float:
    kind = np.dtype(DATATYPES[field.datatype])
    return float(np.iinfo(kind).max) if mode == "auto" and kind.kind in "iu" else 1.0


def _finite(points: Float32) -> Float32:
    """Leave out the points that are not finite; one sum tells whether there may be any."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(points.sum()):
            return points
    kept: Float32 = points[np.isfinite(points).all(axis=1)]
    return kept
