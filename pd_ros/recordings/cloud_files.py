"""Files of point clouds: KITTI's .bin, the labelled .npz sweeps of the training set, and .pcd.

All are read as the ``PointCloud2`` with the same bytes would be, by :func:`decode_points`.
"""

import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from pd_ros.evaluation.kitti.view import CameraView
from pd_ros.pointcloud.bin_columns import Columns, check_columns, column_layout
from pd_ros.pointcloud.byte_layout import LARGEST_M, has_coordinates
from pd_ros.pointcloud.decode import DecodeOptions, Float32, decode_points
from pd_ros.pointcloud.layout import CloudError, CloudLayout
from pd_ros.pointcloud.pcd import read_pcd
from pd_ros.recordings.detections import NamedBoxes
from pd_ros.recordings.label_names import LABELLED, class_numbers, name_classes
from pd_ros.recordings.npz_view import read_npz_view
from pd_ros.recordings.sound_boxes import refuse_wrong_labels

SUFFIXES = (".bin", ".npz", ".npy", ".pcd")
# What numpy and its zip reader raise for files that are cut, damaged or of another kind.
NPZ_ERRORS = (
    OSError, EOFError, KeyError, ValueError, TypeError, SyntaxError, OverflowError, MemoryError,
    RuntimeError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


class CloudFile(NamedTuple):
    """What one file holds."""

    points: Float32  # [N, 4 + E] x, y, z in m, intensity in [0, 1], extras
    truth: NamedBoxes | None  # None: the file has no boxes
    view: CameraView | None = None  # where the boxes were drawn in a camera's image


class RawCloud(NamedTuple):
    """A file as the ``PointCloud2`` with the same bytes would be."""

    layout: CloudLayout
    data: bytes
    truth: NamedBoxes | None
    view: CameraView | None = None


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


def read_cloud(
    path: Path,
    intensity_scale: float,
    extras: tuple[str, ...] = (),
    columns: Columns | None = None,
) -> CloudFile:
    """Read one file of a kind in ``SUFFIXES``; intensities are multiplied by ``intensity_scale``.

    ``extras``: fields that follow the intensity.

    Integer ones (of a .pcd) are divided by their type's maximum before, missing ones are 0;
    points that are not finite and null returns are left out; an empty file of .bin has no points.
    Raises ``ValueError`` as :func:`read_raw` does.
    """
    layout, data, truth, view = read_raw(path, columns)
    try:
        decoding = DecodeOptions(scale=intensity_scale, extras=extras)
        return CloudFile(decode_points(layout, data, decoding), truth, view)
    except CloudError as error:
        raise ValueError(f"{path}: {error}") from error


def read_raw(path: Path, columns: Columns | None = None) -> RawCloud:
    """Read one file of a kind in ``SUFFIXES`` as it is: nothing is scaled or left out.

    ``columns``: of a .bin; None: four of float32, or five (the ring) in nuScenes' ``.pcd.bin``,
    and a file that has others is refused. Raises ``ValueError`` that names a damaged file.
    """
    if columns is not None and path.suffix != ".bin":
        raise ValueError(
            f"{path}: columns: expected none for {path.suffix or 'no suffix'}, which says itself"
            f" what it holds; got {columns.text()}, leave it out"
        )
    cloud = _read_kind(path, columns)
    try:
        plausible = has_coordinates(cloud.layout, cloud.data)
    except CloudError:
        return cloud  # without x, y or z; whoever decodes it says so
    if not plausible:
        raise ValueError(
            f"{path}: expected coordinates of up to {LARGEST_M:g} m, got numbers that are none;"
            " the file is damaged or of another kind"
        )
    return cloud


def _read_kind(path: Path, columns: Columns | None) -> RawCloud:
    match path.suffix:
        case ".bin":
            return _read_bin(path, columns)
        case ".npz":
            points, truth, view = _read_npz(path)
            return RawCloud(*_columns(points), truth, view)
        case ".npy":
            return RawCloud(*_read_npy(path), None)
        case ".pcd":
            return RawCloud(*read_pcd(path), None)
        case other:
            raise ValueError(
                f"{path}: expected a file of {', '.join(SUFFIXES)}, got {other or 'no suffix'}"
            )


def _read_bin(path: Path, columns: Columns | None) -> RawCloud:
    data = path.read_bytes()
    usual = Columns(5 if path.name.endswith(".pcd.bin") else 4)
    check_columns(path, data, columns or usual, told=columns is not None)
    return RawCloud(column_layout(data, columns or usual), data, None)


def _columns(points: NDArray[Any]) -> tuple[CloudLayout, bytes]:
    data = points.astype("<f4").tobytes()
    return column_layout(data, Columns(points.shape[1])), data


def _read_npy(path: Path) -> tuple[CloudLayout, bytes]:
    try:
        points = np.load(path, allow_pickle=False)
    except NPZ_ERRORS as error:
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
    return _columns(points)


def _read_npz(path: Path) -> CloudFile:
    boxes, numbers = None, list[int]()
    try:
        with path.open("rb") as raw, zip_of_arrays(np.load(raw, allow_pickle=False)) as file:
            points = numbers_of(file, "points")
            if "boxes" in file and file.get(LABELLED, True):
                boxes = numbers_of(file, "boxes")
                numbers = class_numbers(file["cls"])
            view = read_npz_view(file)
    except NPZ_ERRORS as error:
        raise ValueError(
            f"{path}: expected a sweep (.npz with points, and cls where it has boxes): {error};"
            " the file is damaged or of another kind"
        ) from None
    if points.ndim != 2 or points.shape[1] != 4:
        raise ValueError(
            f"{path}: points: expected [N, 4] (x, y, z, intensity), got {list(points.shape)};"
            " write the sweep again with these columns"
        )
    return CloudFile(points, None if boxes is None else _named_boxes(path, boxes, numbers), view)


def zip_of_arrays(content: object) -> NpzFile:
    """What numpy loaded, if it is an .npz; ``ValueError`` for one array without a name."""
    if not isinstance(content, NpzFile):
        raise ValueError("got one array, not named ones")
    return content


def numbers_of(file: NpzFile, name: str) -> Float32:
    """One array of an .npz in float32; ``ValueError`` for one of no real numbers."""
    values: NDArray[Any] = file[name]
    if values.dtype.kind not in "fiu":
        raise ValueError(f"{name}: expected numbers, got {values.dtype}")
    return values.astype(np.float32)


def _named_boxes(path: Path, boxes: Float32, numbers: list[int]) -> NamedBoxes:
    if boxes.shape != (len(numbers), 7):
        raise ValueError(
            f"{path}: boxes: expected [{len(numbers)}, 7] as there are {len(numbers)} cls, got"
            f" {list(boxes.shape)}; write the sweep again, or replay with --no-labels"
        )
    refuse_wrong_labels(boxes, lambda index: f"{path}: box {index}")
    names = name_classes(numbers)
    return NamedBoxes(boxes, names, np.ones(len(names), np.float32))
