"""Read the tables of nuScenes (schema v1.0; splits of Caesar et al. 2020) as arrays."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from pd_ros.evaluation.nuscenes.tables import Row, Tables

Float64 = NDArray[np.float64]
# Of the 850 scenes of v1.0-trainval; all others are for training.
_VAL = (
    "3 12-18 35-36 38-39 92-110 221 268-278 329-332 344-346 519-524 552-565 625-627 629-630"
    " 632-638 770-771 775 777-778 780-784 794-800 802 904-917 919-931 962-963 966-969 971-972"
    " 1059-1073"
)
_MINI_VAL = "103 916"
VERSIONS = {
    "train": "v1.0-trainval",
    "val": "v1.0-trainval",
    "mini_train": "v1.0-mini",
    "mini_val": "v1.0-mini",
}
Int64 = NDArray[np.int64]

_LONGEST_STEP_S = 1.5  # to the label before or after; what is farther apart says nothing


class Clouds(NamedTuple):
    """Clouds of the LiDAR in some scenes, ordered by time in each; S of them."""

    files: tuple[str, ...]  # [S] below the data set's folder
    previous: NDArray[np.int64]  # [S] index of the cloud before, -1 at a scene's start
    time_us: NDArray[np.int64]  # [S]
    global_from_lidar: Float64  # [S, 4, 4] with the LiDAR's axes: x right, y forward, z up
    keyframes: NDArray[np.int64]  # [K] indices of the labelled ones


class Annotations(NamedTuple):
    """Boxes of the keyframes in the global frame; A of them, those of a keyframe together."""

    centre: Float64  # [A, 3]
    velocity: Float64  # [A, 3] m/s, NaN where unknown
    size: Float64  # [A, 3] width, length, height
    rotation: Float64  # [A, 3, 3] whose x axis is the heading
    category: tuple[str, ...]  # [A]
    token: tuple[str, ...]  # [A]
    first: NDArray[np.int64]  # [K + 1] where each keyframe's boxes start, and the end


def read_tables(path: Path, split: str | None) -> tuple[Clouds, Annotations]:
    """Read the tables of a split, or of the only version there is.

    Raises ``ValueError`` that names the table for what is missing or does not fit together.
    """
    folder = _version_folder(path, split)
    try:
        return _read(Tables(folder), split)
    except KeyError as error:
        raise ValueError(f"{folder}: expected tables of nuScenes' schema v1.0, one of them has"
                         f" rows without {error}; download them again") from None  # fmt: skip


def _read(tables: Tables, split: str | None) -> tuple[Clouds, Annotations]:
    scenes = {
        row["token"]: number for number, row in enumerate(tables.rows("scene"))
        if split is None or in_split(row["name"], split)
    }  # fmt: skip
    samples = {
        row["token"]: scenes[row["scene_token"]] for row in tables.rows("sample")
        if row["scene_token"] in scenes
    }  # fmt: skip
    clouds, sample_tokens = _clouds(tables, samples)
    if not len(clouds.keyframes):
        raise ValueError(f"{tables.folder}: expected scenes of the split {split}, found none;"
                         " choose another, or download the tables again")  # fmt: skip
    return clouds, _annotations(tables, sample_tokens, clouds.time_us[clouds.keyframes])


def _version_folder(path: Path, split: str | None) -> Path:
    if split is not None:
        if split not in VERSIONS:
            raise ValueError(f"{path}: split: expected {', '.join(VERSIONS)} or none, got"
                             f" {split!r}; correct it")  # fmt: skip
        return path / VERSIONS[split]
    folders = sorted(path.glob("v1.0-*/"))
    if len(folders) != 1:
        raise ValueError(
            f"{path}: expected one folder of tables (v1.0-...), found"
            f" {', '.join(folder.name for folder in folders) or 'none'}; correct the path, or"
            f" choose a split: {', '.join(VERSIONS)}"
        )
    return folders[0]


def _clouds(tables: Tables, samples: Mapping[str, int]) -> tuple[Clouds, list[str]]:
    """Clouds of the samples (token -> scene's number), and the sample of each keyframe."""
    mounts = tables.lidar_mounts()
    rows = [
        row for row in tables.rows("sample_data")
        if row["sample_token"] in samples and row["calibrated_sensor_token"] in mounts
    ]  # fmt: skip
    rows.sort(key=lambda row: (samples[row["sample_token"]], row["timestamp"]))
    index = {row["token"]: number for number, row in enumerate(rows)}
    wanted = {row["ego_pose_token"] for row in rows}
    poses = {row["token"]: row for row in tables.rows("ego_pose") if row["token"] in wanted}
    ego = [tables.find(poses, row, "ego_pose_token", "sample_data") for row in rows]
    keys = [number for number, row in enumerate(rows) if row["is_key_frame"]]
    clouds = Clouds(
        files=tuple(row["filename"] for row in rows),
        previous=np.array([index.get(row["prev"], -1) for row in rows], dtype=np.int64),
        time_us=np.array([row["timestamp"] for row in rows], dtype=np.int64),
        global_from_lidar=_poses(ego) @ _poses(mounts[r["calibrated_sensor_token"]] for r in rows),
        keyframes=np.array(keys, dtype=np.int64),
    )
    return clouds, [rows[number]["sample_token"] for number in keys]


def _annotations(
    tables: Tables, sample_tokens: list[str], time_us: NDArray[np.int64]
) -> Annotations:
    keyframe = {token: number for number, token in enumerate(sample_tokens)}
    rows = [row for row in tables.rows("sample_annotation") if row["sample_token"] in keyframe]
    rows.sort(key=lambda row: keyframe[row["sample_token"]])
    categories = {row["token"]: row["name"] for row in tables.rows("category")}
    instances = {
        row["token"]: tables.find(categories, row, "category_token", "instance")
        for row in tables.rows("instance")
    }
    names = [tables.find(instances, row, "instance_token", "sample_annotation") for row in rows]
    numbers = np.array([keyframe[row["sample_token"]] for row in rows], dtype=np.int64)
    centre = np.array([row["translation"] for row in rows], dtype=np.float64).reshape(-1, 3)
    index = {row["token"]: number for number, row in enumerate(rows)}
    previous, following = (
        np.array([index.get(row[key], -1) for row in rows], dtype=np.int64)
        for key in ("prev", "next")
    )
    return Annotations(
        centre=centre,
        velocity=box_velocities(centre, time_us[numbers], previous, following),
        size=np.array([row["size"] for row in rows], dtype=np.float64).reshape(-1, 3),
        rotation=_rotations(row["rotation"] for row in rows),
        category=tuple(names),
        token=tuple(row["token"] for row in rows),
        first=np.searchsorted(numbers, np.arange(len(sample_tokens) + 1)),
    )


def _poses(rows: Iterable[Row]) -> Float64:
    """Transforms ``[S, 4, 4]`` of rows with a translation and a rotation."""
    rows = list(rows)
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    poses[:, :3, :3] = _rotations(row["rotation"] for row in rows)
    poses[:, :3, 3] = np.array([row["translation"] for row in rows]).reshape(-1, 3)
    return poses


def _rotations(quaternions: Iterable[list[float]]) -> Float64:
    """Matrices ``[S, 3, 3]`` of quaternions in nuScenes' order: w, x, y, z."""
    wxyz = np.array(list(quaternions), dtype=np.float64).reshape(-1, 4)
    if not len(wxyz):
        return np.zeros((0, 3, 3))
    matrices: Float64 = Rotation.from_quat(wxyz[:, [1, 2, 3, 0]]).as_matrix()
    return matrices


def in_split(scene: str, split: str) -> bool:
    """Whether a scene such as ``scene-0103`` belongs to one of the splits of ``VERSIONS``."""
    held_out = _scenes(_MINI_VAL if split.startswith("mini") else _VAL)
    return (scene in held_out) == split.endswith("val")


def _scenes(ranges: str) -> set[str]:
    numbers: set[int] = set()
    for part in ranges.split():
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return {f"scene-{number:04d}" for number in numbers}


def box_velocities(centre: Float64, time_us: Int64, previous: Int64, following: Int64) -> Float64:
    """Velocities ``[A, 3]`` in m/s of boxes with centres ``[A, 3]``; NaN where they are unknown.

    ``previous`` and ``following``: number of the same object's box before and after, -1 for none.
    The difference between these two counts, at an end that between the box and its neighbour (as
    in the data set's own kit).
    """
    own = np.arange(len(centre))
    first = np.where(previous >= 0, previous, own)
    last = np.where(following >= 0, following, own)
    seconds = (time_us[last] - time_us[first]) / 1e6
    steps = (first != own).astype(np.int64) + (last != own)
    known = (seconds > 0) & (seconds <= _LONGEST_STEP_S * steps)
    velocities = np.full((len(centre), 3), np.nan)
    moved = centre[last[known]] - centre[first[known]]
    velocities[known] = moved / seconds[known, None]
    return velocities
