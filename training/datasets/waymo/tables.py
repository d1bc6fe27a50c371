"""Components of the Waymo Open Dataset v2: one parquet file for each segment and component."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
TIME = "key.frame_timestamp_micros"
LASER = "key.laser_name"
TOP = 1  # the LiDAR on the roof
_RETURNS = ("range_image_return1", "range_image_return2")


class Beams(NamedTuple):
    """One LiDAR's calibration."""

    extrinsic: Float64  # [4, 4] vehicle from LiDAR
    low: float  # inclination in radians
    high: float
    values: Float64 | None  # [rows], lowest first; None: even


class Boxes(NamedTuple):
    """Boxes of all frames of a segment, in the vehicle's frame; M of them."""

    time_us: NDArray[np.int64]  # [M] of their frame
    boxes: Float64  # [M, 7] as in types.py
    types: NDArray[np.int64]  # [M]


def frame_times(path: Path) -> NDArray[np.int64]:
    """Timestamps of a segment's frames in microseconds, rising, each once."""
    (times,) = _columns(path, [TIME])
    return np.unique(np.array(times.to_pylist(), dtype=np.int64))


def read_range_images(path: Path, time_us: int) -> dict[int, list[NDArray[np.float32]]]:
    """Range images ``[H, W, 4]`` of one frame per LiDAR, those of its returns."""
    parts = [
        f"[LiDARComponent].{name}.{part}" for name in _RETURNS for part in ("values", "shape")
    ]
    lasers, *columns = _columns(path, [LASER, *parts], time_us)
    images: dict[int, list[NDArray[np.float32]]] = {}
    for row, laser in enumerate(lasers.to_pylist()):
        pairs = (_image(columns[i], columns[i + 1], row) for i in range(0, len(columns), 2))
        images[laser] = [image for image in pairs if image is not None]
    return images


def read_top_poses(path: Path, time_us: int) -> NDArray[np.float32]:
    """Poses ``[H, W, 6]`` of one frame's pixels of the LiDAR on the roof: roll, pitch, ..., z."""
    parts = [f"[LiDARPoseComponent].{_RETURNS[0]}.{part}" for part in ("values", "shape")]
    lasers, values, shapes = _columns(path, [LASER, *parts], time_us)
    rows = lasers.to_pylist()
    poses = _image(values, shapes, rows.index(TOP)) if TOP in rows else None
    if poses is None:
        raise ValueError(f"{path}: expected poses of {LASER} {TOP} at {TIME} {time_us}, found"
                         " none; download the file again")  # fmt: skip
    return poses


def read_vehicle_pose(path: Path, time_us: int) -> Float64:
    """World from vehicle ``[4, 4]`` of one frame."""
    (column,) = _columns(path, ["[VehiclePoseComponent].world_from_vehicle.transform"], time_us)
    if not len(column):
        raise ValueError(f"{path}: expected a row of {TIME} {time_us}, found none; download the"
                         " file again")  # fmt: skip
    return np.array(column[0].as_py(), dtype=np.float64).reshape(4, 4)


def read_beams(path: Path) -> dict[int, Beams]:
    """Calibration of each LiDAR of a segment."""
    prefix = "[LiDARCalibrationComponent]"
    names = [f"{prefix}.extrinsic.transform"]
    names += [f"{prefix}.beam_inclination.{part}" for part in ("min", "max", "values")]
    rows = zip(*(c.to_pylist() for c in _columns(path, [LASER, *names])), strict=True)
    return {
        laser: Beams(
            np.array(extrinsic, dtype=np.float64).reshape(4, 4),
            low,
            high,
            np.array(values, dtype=np.float64) if values else None,
        )
        for laser, extrinsic, low, high, values in rows
    }


def read_boxes(path: Path) -> Boxes:
    """Boxes of a segment."""
    prefix = "[LiDARBoxComponent]"
    places = [f"{prefix}.box.{part}.{axis}" for part in ("center", "size") for axis in "xyz"]
    names = [TIME, f"{prefix}.type", *places, f"{prefix}.box.heading"]
    time_us, types, *box = (
        column.to_numpy(zero_copy_only=False) for column in _columns(path, names)
    )
    boxes = np.stack(box, axis=1).astype(np.float64)
    boxes[:, 6] = (boxes[:, 6] + np.pi) % (2 * np.pi) - np.pi
    return Boxes(time_us.astype(np.int64), boxes, types.astype(np.int64))


def _columns(path: Path, names: Iterable[str], time_us: int | None = None) -> list[Any]:
    """Columns of a file as arrow arrays, of all rows or of those of one frame."""
    try:
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        raise ValueError(f"{path}: expected the package pyarrow, which reads this format; install"
                         " it: packaging/environment.sh run train") from None  # fmt: skip
    names = list(names)
    try:
        filters = None if time_us is None else [(TIME, "=", time_us)]
        table = pq.read_table(path, columns=names, filters=filters, partitioning=None)
        return [table.column(name).combine_chunks() for name in names]
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path}: expected a parquet file of the Waymo Open Dataset v2 with the columns"
            f" {', '.join(names)}, got {error}; download it again"
        ) from None


def _image(values: Any, shapes: Any, row: int) -> NDArray[np.float32] | None:
    """An array of the shape that stands beside it; None where a LiDAR has no such return."""
    if not values[row].is_valid or not shapes[row].is_valid:
        return None
    flat: NDArray[np.float32] = values[row].values.to_numpy(zero_copy_only=False)
    return flat.reshape(shapes[row].as_py())
