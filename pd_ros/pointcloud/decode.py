"""The bytes of a ``sensor_msgs/PointCloud2`` to points, whatever their layout; no ROS needed."""

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pd_ros.pointcloud.byte_layout import block_view, field_view, true_layout
from pd_ros.pointcloud.layout import (
    DATATYPES,
    USUAL_NAMES,
    CloudBytes,
    CloudField,
    CloudLayout,
    FieldNames,
    UsedFields,
    extra_field,
    used_fields,
)

Float32 = NDArray[np.float32]
# Drivers write echoes that never came back as (0, 0, 0), maybe with a rounding error.
NULL_M = 1e-3
_COLUMNS = 4  # x, y, z, intensity
_FLOAT32 = 7  # PointField's code
INTENSITY_MODES = ("auto", "scale", "constant", "zero")


@dataclass(frozen=True)
class DecodeOptions:
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


AS_IT_IS = DecodeOptions()


def decode_points(
    layout: CloudLayout, data: CloudBytes, decoding: DecodeOptions = AS_IT_IS
) -> Float32:
    """Points ``[N, 4 + E]``: x, y, z in metres, intensity, E ``extras``, in the cloud's order.

    Without an intensity field (see ``INTENSITY_NAMES``) intensities that would be read are 0, and
    so is one that is not finite. Points whose place is not finite, or not so in float32, are left
    out, and so are null returns: echoes that never came back, written as (0, 0, 0). The bytes are
    read by :func:`true_layout`. The result is a new array; ``data`` is only read. A cloud of no
    points gives ``[0, 4 + E]``. Raises :class:`CloudError` as :func:`check_cloud` does.
    """
    return usable_points(decode_all(layout, data, decoding))


def usable_points(points: Float32) -> Float32:
    """Points ``[N, 4+]`` without those that are no echoes; an intensity not finite becomes 0.

    See :func:`decode_points`. May change ``points``.
    """
    return _without_null(_finite(points))


def decode_all(
    layout: CloudLayout, data: CloudBytes, decoding: DecodeOptions = AS_IT_IS
) -> Float32:
    """As :func:`decode_points`, with all that it leaves out or makes 0 as it is in the bytes."""
    view = memoryview(data)  # type: ignore[arg-type]  # numpy's arrays have the protocol, too
    layout = true_layout(layout, view, decoding.names)
    columns = _COLUMNS + len(decoding.extras)
    points = np.zeros((layout.height, layout.width, columns), np.float32)
    if points.size == 0:
        return points.reshape(0, columns)
    used = used_fields(layout, decoding.names)
    together = _copy_together(used, layout, view, points)
    with np.errstate(over="ignore", invalid="ignore"):
        for column, field in enumerate(used.xyz[together:], start=together):
            points[..., column] = field_view(field, layout, view)
        if decoding.mode in ("constant", "zero") or used.intensity is None:
            points[..., 3] = decoding.constant if decoding.mode == "constant" else 0
        else:
            if together < _COLUMNS:
                points[..., 3] = field_view(used.intensity, layout, view)
            factor = decoding.scale / _full_scale(used.intensity, decoding.mode)
            if factor != 1:
                points[..., 3] *= factor
            if decoding.offset:
                points[..., 3] += decoding.offset
        for column, name in enumerate(decoding.extras, start=4):
            extra = extra_field(layout, name)
            if extra is not None:
                points[..., column] = np.nan_to_num(field_view(extra, layout, view), copy=True)
    return points.reshape(-1, columns)


def _copy_together(
    used: UsedFields, layout: CloudLayout, view: memoryview, points: NDArray[np.float32]
) -> int:
    """Copy the first columns of points ``[height, width, 4+]`` that lie together in the bytes.

    Returns how many, maybe none. Float32 behind float32, as most drivers write x, y, z and often
    the intensity, are copied point by point, an eighth of the time of field by field.
    """
    first, *others = (*used.xyz, used.intensity) if used.intensity else used.xyz
    if layout.is_bigendian or sys.byteorder != "little" or first.datatype != _FLOAT32:
        return 0
    count = 1
    for field in others:
        if field.datatype != _FLOAT32 or field.offset != first.offset + 4 * count:
            break
        count += 1
    block = np.dtype(f"V{4 * count}")
    target = np.ndarray(points.shape[:2], block, points.data, 0, points.strides[:2])
    target[...] = block_view(first, block, layout, view)
    return count


def _full_scale(field: CloudField, mode: str) -> float:
    kind = np.dtype(DATATYPES[field.datatype])
    return float(np.iinfo(kind).max) if mode == "auto" and kind.kind in "iu" else 1.0


def _finite(points: Float32) -> Float32:
    """Leave out places that are not finite; one sum tells whether there may be such values."""
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(points.sum()):
            return points
    points[~np.isfinite(points[:, 3]), 3] = 0
    kept: Float32 = points[np.isfinite(points[:, :3]).all(axis=1)]
    return kept


def _without_null(points: Float32) -> Float32:
    """Leave out null returns; few other points lie that near to one plane through the sensor."""
    near = np.flatnonzero(np.abs(points[:, 0]) < NULL_M)
    null = near[(np.abs(points[near, 1:3]) < NULL_M).all(axis=1)]
    return np.delete(points, null, axis=0) if len(null) else points
