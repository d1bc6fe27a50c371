"""Opens what a run's YAML names as data, whatever its format."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd_ros.pointcloud.decode import usable_points
from training.config.base import Format
from training.config.run import SourceConfig
from training.datasets.class_map import ClassMap, map_classes
from training.datasets.file_lists import listed_files
from training.datasets.frame import Float32, Frame, Frames
from training.datasets.kitti import KITTI_CLASSES, KittiFrames
from training.datasets.npz import FILE_CLASSES, NpzFrames
from training.datasets.nuscenes.reader import NUSCENES_CLASSES, NuScenesFrames
from training.datasets.recording import RecordingFrames, recording_classes
from training.datasets.waymo.reader import WAYMO_CLASSES, WaymoFrames


class Reader(NamedTuple):
    """How the sources of one format are read."""

    features: tuple[str, ...]  # what follows x, y, z in its points
    # Names of its objects and the class that each is by default, for a model of these classes.
    known: Callable[[Sequence[str]], Mapping[str, str | None]]
    closed: bool  # whether it has no other names
    open: Callable[[SourceConfig, ClassMap], Frames]


def _open_npz(source: SourceConfig, class_map: ClassMap) -> NpzFrames:
    folder = source.folder
    listed = listed_files(folder, source.files, source.only) if source.files else None
    return NpzFrames(folder, class_map, listed, source.labelled, source.teacher_points)


def _open_recording(source: SourceConfig, class_map: ClassMap) -> RecordingFrames:
    return RecordingFrames(
        source.folder, class_map, source.topic, source.intensity_scale, source.labelled
    )


# The keys that only some formats take are in ``training.config.base``.
READERS: Mapping[Format, Reader] = {
    "npz": Reader(
        ("intensity",), lambda _: {name: name for name in FILE_CLASSES}, True, _open_npz
    ),
    "kitti": Reader(
        ("intensity",), lambda _: KITTI_CLASSES, False,
        lambda source, names: KittiFrames(source.folder, names, source.split, source.hardest),
    ),
    "nuscenes": Reader(
        ("intensity", "time_lag"), lambda _: NUSCENES_CLASSES, False,
        lambda source, names: NuScenesFrames(source.folder, names, source.split, source.sweeps),
    ),
    "waymo": Reader(
        ("intensity", "elongation"), lambda _: WAYMO_CLASSES, True,
        lambda source, names: WaymoFrames(source.folder, names, source.split),
    ),
    "recording": Reader(("intensity",), recording_classes, False, _open_recording),
}  # fmt: skip


def open_source(
    source: SourceConfig,
    classes: Sequence[str],
    features: Sequence[str] = ("intensity",),
    as_read: bool = False,
) -> Frames:
    """Open a source for a model of these classes and point features.

    Points that are no echoes are left out, see ``pd_ros.pointcloud.decode.usable_points``;
    ``as_read`` keeps them, for those who judge the data.

    Raises ``ValueError`` for data that is missing, that lacks a feature, or that has nothing of
    the model's classes.
    """
    reader = READERS[source.format]
    given = reader.features
    if not set(features) <= set(given):
        raise ValueError(
            f"{source.path}: expected points with {', '.join(features)} as the model wants, the"
            f" format {source.format} has {', '.join(given)}; take another source or model"
        )
    columns = (0, 1, 2, *(3 + given.index(name) for name in features))
    known = reader.known(classes)
    names = map_classes(known, classes, source.class_map, source.path, reader.closed)
    return _FittedFrames(reader.open(source, names), source, columns, as_read)


class _FittedFrames:
    """A reader's sweeps as source and model want them: how many, how high, which columns."""

    def __init__(
        self, frames: Frames, source: SourceConfig, columns: tuple[int, ...], as_read: bool
    ) -> None:
        self._frames = frames
        self._as_read = as_read
        self._count = min(len(frames), source.limit or len(frames))
        self._columns = columns
        self._shift_m = np.float32(source.z_shift_m)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Frame:
        frame = self._frames[index]
        boxes = frame.boxes
        if self._shift_m:
            boxes = boxes.copy()
            boxes[:, 2] += self._shift_m
        theirs = frame.teacher_points
        return frame._replace(
            points=self._fit(frame.points),
            boxes=boxes,
            view=frame.view and frame.view.raised(float(self._shift_m)),
            teacher_points=None if theirs is None else self._fit(theirs),
        )

    def _fit(self, points: Float32) -> Float32:
        fitted = points if self._as_read else usable_points(points)
        if self._columns != tuple(range(fitted.shape[1])):
            fitted = fitted[:, self._columns]
        if self._shift_m:
            fitted = fitted.copy()
            fitted[:, 2] += self._shift_m
        return fitted

    def name(self, index: int) -> str:
        """As the reader names it."""
        return self._frames.name(index)

    def labels(self, index: int) -> NDArray[np.int64]:
        """As the reader has them."""
        return self._frames.labels(index)
