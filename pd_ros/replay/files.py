"""Files of point clouds: KITTI's .bin, the labelled .npz sweeps of the training set, and .pcd."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pd_ros.replay.detection_arrays import Float32, NamedBoxes
from pd_ros.replay.pcd import read_pcd

SUFFIXES = (".bin", ".npz", ".pcd")
# Class numbers of the .npz sweeps; anything else is an object of no class of ours.
_NPZ_CLASSES = ("car", "pedestrian", "cyclist")
_INTENSITY_NAMES = ("intensity", "i", "reflectivity")


class CloudFile(NamedTuple):
    """What one file holds."""

    points: Float32  # [N, 4] x, y, z in m, intensity in [0, 1]
    truth: NamedBoxes | None  # None: the file has no boxes


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
        raise ValueError(f"{folder}: expected clouds of one kind, got {', '.join(kinds)}")
    if not files:
        raise ValueError(
            f"{folder}: expected clouds ({', '.join('*' + suffix for suffix in SUFFIXES)}) or a"
            " recording (metadata.yaml), found neither"
        )
    return files


def read_cloud(path: Path, intensity_scale: float) -> CloudFile:
    """Read one file of a kind in ``SUFFIXES``; intensities are divided by ``intensity_scale``.

    A .pcd without intensity gets zeros. Raises ``ValueError`` that names a damaged file.
    """
    match path.suffix:
        case ".bin":
            points, truth = _read_bin(path), None
        case ".npz":
            points, truth = _read_npz(path)
        case ".pcd":
            points, truth = _points_of_pcd(path), None
        case other:
            raise ValueError(
                f"{path}: expected a file of {', '.join(SUFFIXES)}, got {other or 'no suffix'}"
            )
    if intensity_scale != 1:
        points[:, 3] /= intensity_scale
    return CloudFile(points, truth)


def _read_bin(path: Path) -> Float32:
    values = np.fromfile(path, dtype="<f4")
    if len(values) % 4:
        raise ValueError(
            f"{path}: expected float32 x, y, z, intensity for each point,"
            f" got {len(values)} numbers, which 4 does not divide"
        )
    return values.reshape(-1, 4)


def _read_npz(path: Path) -> tuple[Float32, NamedBoxes | None]:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            points = file["points"].astype(np.float32)
            boxes = file["boxes"].astype(np.float32) if "boxes" in file else None
            numbers = file["cls"].tolist() if "boxes" in file else []
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: expected a sweep (.npz with points): {error}") from None
    if points.ndim != 2 or points.shape[1] != 4:
        raise ValueError(f"{path}: points: expected [N, 4], got {list(points.shape)}")
    if boxes is None:
        return points, None
    known = range(len(_NPZ_CLASSES))
    names = tuple(_NPZ_CLASSES[number] if number in known else "" for number in numbers)
    return points, NamedBoxes(boxes.reshape(-1, 7), names, np.ones(len(names), np.float32))


def _points_of_pcd(path: Path) -> Float32:
    cloud = read_pcd(path)
    fields = cloud.dtype.names or ()
    missing = [name for name in "xyz" if name not in fields]
    if missing:
        raise ValueError(f"{path}: expected fields x, y, z, got {', '.join(fields)}")
    points = np.zeros((len(cloud), 4), dtype=np.float32)
    for column, name in enumerate("xyz"):
        points[:, column] = cloud[name]
    intensity = next((name for name in _INTENSITY_NAMES if name in fields), None)
    if intensity is not None:
        points[:, 3] = cloud[intensity]
    return points
