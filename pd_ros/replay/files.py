"""Files of point clouds: KITTI's .bin, the labelled .npz sweeps of the training set, and .pcd.

All are read as the ``PointCloud2`` with the same bytes would be, by :func:`decode_points`.
"""

import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.lib.npyio import NpzFile

from pd_ros.cloud_layout import CloudError, CloudField, CloudLayout
from pd_ros.pointcloud import Float32, Reading, decode_points
from pd_ros.replay.detection_arrays import NamedBoxes
from pd_ros.replay.npz_classes import class_numbers, name_classes
from pd_ros.replay.pcd import read_pcd
from pd_ros.replay.sound_boxes import refuse_unsound_boxes

SUFFIXES = (".bin", ".npz", ".npy", ".pcd")
# Columns of float32 in the order in which all kinds of files have them.
_NAMES = ("x", "y", "z", "intensity", "ring")
_POINT_FIELDS = tuple(CloudField(name, 4 * i, 7) for i, name in enumerate(_NAMES))
# What numpy and its zip reader raise for files that are cut, damaged or of another kind.
_NPZ_ERRORS = (
    OSError, EOFError, KeyError, ValueError, TypeError, SyntaxError, OverflowError, MemoryError,
    RuntimeError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class CloudFile(NamedTuple):
    """What one file holds."""

    points: Float32  # [N, 4 + E] x, y, z in m, intensity in [0, 1], extras
    truth: NamedBoxes | None  # None: the file has no boxes


class RawCloud(NamedTuple):
    """A file as the ``PointCloud2`` with the same bytes would be."""

    layout: CloudLayout
    data: bytes
    truth: NamedBoxes | None


def list_clouds(folder: Path) -> list[Path]:
    """Return the clouds of a folder, or of its ``velodyne`` folder, by name.

    Raises ``ValueError`` if there is none, or files of more than one kind.
    """
    inner = folder / "velodyne"
    if inner.is_dir():
        folder = inner
    files = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
    kinds = sorted({path.suffix for path in files})
    if len(kinds) > 1:
        raise ValueError(
            f"{folder}: expected clouds of one kind, got {', '.join(kinds)}; keep each in a folder"
            " of its own"
        )
    if not files:
        raise ValueError(
            f"{folder}: expected clouds ({', '.join('*' + suffix for suffix in SUFFIXES)}) or a"
            " recording (metadata.yaml), found neither; give the folder that holds them, or the"
            " .mcap or .db3 file itself"
        )
    return files


def read_cloud(path: Path, intensity_scale: float, extras: tuple[str, ...] = ()) -> CloudFile:
    """Read one file of a kind in ``SUFFIXES``; intensities are multiplied by ``intensity_scale``.

    ``extras``: fields that follow the intensity.

    Integer ones (of a .pcd) are divided by their type's maximum before, missing ones are 0;
    points that are not finite are left out; an empty file of .bin has no points. Raises
    ``ValueError`` that names a damaged file.
    """
    layout, data, truth = read_raw(path)
    try:
        reading = Reading(scale=intensity_scale, extras=extras)
        return CloudFile(decode_points(layout, data, reading), truth)
    except CloudError as error:
        raise ValueError(f"{path}: {error}") from error


def read_raw(path: Path) -> RawCloud:
    """Read one file of a kind in ``SUFFIXES`` as it is: nothing is scaled or left out.

    nuScenes' ``.pcd.bin`` has a fifth column, the ring. Raises ``ValueError`` that names a
    damaged file.
    """
    match path.suffix:
        case ".bin" if path.name.endswith(".pcd.bin"):
            return RawCloud(*_columns(path, path.read_bytes(), 5), None)
        case ".bin":
            return RawCloud(*_columns(path, path.read_bytes(), 4), None)
        case ".npz":
            points, truth = _read_npz(path)
            return RawCloud(*_columns(path, points.astype("<f4").tobytes(), 4), truth)
        case ".npy":
            return RawCloud(*_read_npy(path), None)
        case ".pcd":
            return RawCloud(*read_pcd(path), None)
        case other:
            raise ValueError(
                f"{path}: expected a file of {', '.join(SUFFIXES)}, got {other or 'no suffix'}"
            )


def _columns(path: Path, data: bytes, columns: int) -> tuple[CloudLayout, bytes]:
    fields, size = _POINT_FIELDS[:columns], 4 * columns
    count, rest = divmod(len(data), size)
    if rest:
        names = ", ".join(field.name for field in fields)
        raise ValueError(
            f"{path}: expected {size} bytes for each point (float32 {names}),"
            f" got {len(data)} bytes, {rest} too many; the file is cut or has other columns"
        )
    return CloudLayout(count, 1, size, len(data), False, fields), data


def _read_npy(path: Path) -> tuple[CloudLayout, bytes]:
    try:
        points = np.load(path, allow_pickle=False)
    except _NPZ_ERRORS as error:
        raise ValueError(
            f"{path}: expected an array (.npy): {error}; the file is damaged or of another kind"
        ) from None
    columns = points.shape[1] if isinstance(points, np.ndarray) and points.ndim == 2 else 0
    if columns not in (3, 4, 5) or points.dtype.kind not in "fiu":
        raise ValueError(
            f"{path}: expected numbers [N, 3 to 5] (x, y, z, intensity, ring), got"
            f" {getattr(points, 'dtype', 'no array')} {list(getattr(points, 'shape', []))}; write"
            " it again with these columns"
        )
    return _columns(path, points.astype("<f4").tobytes(), columns)


def _read_npz(path: Path) -> tuple[Float32, NamedBoxes | None]:
    boxes, numbers = None, list[int]()
    try:
        with path.open("rb") as raw, _zip_of_arrays(np.load(raw, allow_pickle=False)) as file:
            points = file["points"].astype(np.float32)
            if "boxes" in file:
                boxes = file["boxes"].astype(np.float32)
                numbers = class_numbers(file["cls"])
    except _NPZ_ERRORS as error:
        raise ValueError(
            f"{path}: expected a sweep (.npz with points, and cls where it has boxes): {error};"
            " the file is damaged or of another kind"
        ) from None
    if points.ndim != 2 or points.shape[1] != 4:
        raise ValueError(
            f"{path}: points: expected [N, 4] (x, y, z, intensity), got {list(points.shape)};"
            " write the sweep again with these columns"
        )
    return points, None if boxes is None else _named_boxes(path, boxes, numbers)


def _zip_of_arrays(content: object) -> NpzFile:
    if not isinstance(content, NpzFile):
        raise ValueError("got one array, not named ones")
    return content


def _named_boxes(path: Path, boxes: Float32, numbers: list[int]) -> NamedBoxes:
    if boxes.shape != (len(numbers), 7):
        raise ValueError(
            f"{path}: boxes: expected [{len(numbers)}, 7] as there are {len(numbers)} cls, got"
            f" {list(boxes.shape)}; write the sweep again, or replay with --no-labels"
        )
    refuse_unsound_boxes(boxes, lambda index: f"{path}: box {index}")
    names = name_classes(numbers)
    return NamedBoxes(boxes, names, np.ones(len(names), np.float32))
