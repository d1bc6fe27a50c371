"""Opens what a run's YAML names as data, whatever its format."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from training.config.run import SourceConfig
from training.datasets.class_map import map_classes
from training.datasets.file_lists import listed_files
from training.datasets.frame import Frame, Frames
from training.datasets.kitti import KITTI_CLASSES, KittiFrames
from training.datasets.npz import FILE_CLASSES, NpzFrames
from training.datasets.nuscenes.reader import NUSCENES_CLASSES, NuScenesFrames
from training.datasets.recording import RecordingFrames, recording_classes
from training.datasets.waymo.reader import WAYMO_CLASSES, WaymoFrames

# What follows x, y, z in the points of each format.
_FEATURES: Mapping[str, tuple[str, ...]] = {
    "npz": ("intensity",),
    "kitti": ("intensity",),
    "nuscenes": ("intensity", "time_lag"),
    "waymo": ("intensity", "elongation"),
    "recording": ("intensity",),
}


def open_source(
    source: SourceConfig, classes: Sequence[str], features: Sequence[str] = ("intensity",)
) -> Frames:
    """Open a source for a model of these classes and point features.

    Raises ``ValueError`` for data that is missing, that lacks a feature, or that has nothing of
    the model's classes.
    """
    given = _FEATURES[source.format]
    if not set(features) <= set(given):
        raise ValueError(
            f"{source.path}: expected points with {', '.join(features)} as the model wants, the"
            f" format {source.format} has {', '.join(given)}; take another source or model"
        )
    columns = (0, 1, 2, *(3 + given.index(name) for name in features))
    return _FittedFrames(_open(source, classes), source, columns)


def _open(source: SourceConfig, classes: Sequence[str]) -> Frames:
    path, override = source.folder, source.class_map
    where = source.path
    match source.format:
        case "npz":
            known = {name: name for name in FILE_CLASSES}
            class_map = map_classes(known, classes, override, where, closed=True)
            listed = listed_files(path, source.files, source.only) if source.files else None
            return NpzFrames(path, class_map, listed, source.labelled)
        case "kitti":
            class_map = map_classes(KITTI_CLASSES, classes, override, where)
            return KittiFrames(path, class_map, source.split, source.hardest)
        case "nuscenes":
            class_map = map_classes(NUSCENES_CLASSES, classes, override, where)
            return NuScenesFrames(path, class_map, source.split, source.sweeps)
        case "waymo":
            class_map = map_classes(WAYMO_CLASSES, classes, override, where, closed=True)
            return WaymoFrames(path, class_map, source.split)
        case "recording":
            class_map = map_classes(recording_classes(classes), classes, override, where)
            return RecordingFrames(
                path, class_map, source.topic, source.intensity_scale, source.labelled
            )


class _FittedFrames:
    """A reader's sweeps as source and model want them: how many, how high, which columns."""

    def __init__(self, frames: Frames, source: SourceConfig, columns: tuple[int, ...]) -> None:
        self._frames = frames
        self._count = min(len(frames), source.limit or len(frames))
        self._columns = columns
        self._shift_m = np.float32(source.z_shift_m)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Frame:
        frame = self._frames[index]
        points, boxes = frame.points, frame.boxes
        if self._columns != tuple(range(points.shape[1])):
            points = points[:, self._columns]
        if self._shift_m:
            points, boxes = points.copy(), boxes.copy()
            points[:, 2] += self._shift_m
            boxes[:, 2] += self._shift_m
        return frame._replace(points=points, boxes=boxes)

    def name(self, index: int) -> str:
        """As the reader names it."""
        return self._frames.name(index)

    def labels(self, index: int) -> NDArray[np.int64]:
        """As the reader has them."""
        return self._frames.labels(index)
