"""Where clouds come from: a folder of files or a recording; one sweep after another."""

import logging
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pd_ros.evaluation.kitti.camera import Calibration
from pd_ros.evaluation.kitti.view import CameraView
from pd_ros.pointcloud.bin_columns import Columns
from pd_ros.pointcloud.decode import DecodeOptions, Float32, decode_points
from pd_ros.pointcloud.features import extra_fields, missing_fields
from pd_ros.pointcloud.layout import CloudBytes, CloudError, CloudLayout, cloud_layout
from pd_ros.recordings.bag import DETECTIONS, TRUTH_TOPIC, Recording, is_recording, open_recording
from pd_ros.recordings.cloud_files import SUFFIXES, list_clouds, read_cloud, read_raw
from pd_ros.recordings.detections import NamedBoxes, read_detection_array, stamp_ns
from pd_ros.recordings.labels import read_label_folder, read_label_view, read_objects_file
from pd_ros.recordings.sound_boxes import refuse_wrong_labels

_LOG = logging.getLogger("pd_ros.replay")


class Sweep(NamedTuple):
    """One cloud with its name, and what is there if somebody labelled it."""

    frame: str  # the file's stem, or the stamp in nanoseconds
    points: Float32  # [N, 4 + E] x, y, z in m, intensity in [0, 1], what a model wants beside it
    truth: NamedBoxes | None
    recorded_ns: int | None = None  # when it came; None: a file does not say
    frame_id: str = "lidar"
    view: CameraView | None = None  # what of it was labelled; None: all around


@dataclass(frozen=True)
class FolderSource:
    """Clouds in files, by name; labels beside them or in them."""

    files: tuple[Path, ...]
    intensity_scale: float
    with_truth: bool = True
    truth: Mapping[str, NamedBoxes] | None = None  # by frame; None: what the clouds' files hold
    label_folder: Path | None = None  # KITTI object: holds label_2 and calib
    camera: Calibration | None = None  # KITTI raw: labelled is what it sees; None: all around
    extras: tuple[str, ...] = ()  # fields that follow the intensity in the points
    columns: Columns | None = None  # of .bin; None: the usual ones

    @property
    def count(self) -> int:
        """Count the sweeps."""
        return len(self.files)

    def sweeps(self) -> Iterator[Sweep]:
        """Read one sweep after another."""
        for path in self.files:
            cloud = read_cloud(path, self.intensity_scale, self.extras, self.columns)
            truth, view = cloud.truth, cloud.view
            if self.truth is not None:
                truth, view = self.truth[path.stem], self._view(path.stem)
            shown = truth if self.with_truth else None
            yield Sweep(path.stem, cloud.points, shown, view=view)

    def _view(self, frame: str) -> CameraView | None:
        """Return what labels beside the clouds cover of a frame."""
        if self.label_folder is not None:
            return read_label_view(self.label_folder, frame)
        return None if self.camera is None else CameraView(self.camera)

    def raw_clouds(self) -> Iterator[tuple[str, CloudLayout, CloudBytes]]:
        """Read one cloud after another as it is, with the name of its file."""
        for path in self.files:
            cloud = read_raw(path, self.columns)
            yield str(path), cloud.layout, cloud.data


@dataclass(frozen=True)
class RecordingSource:
    """Clouds of one topic of a recording; labels from another, by equal stamps."""

    path: Path
    topic: str
    count: int
    intensity_scale: float
    truth: Mapping[int, NamedBoxes]  # by header stamp in nanoseconds; empty: not labelled
    views: Mapping[int, CameraView] = field(default_factory=dict)  # by stamp, where not all was
    label_folder: None = None
    camera: None = None
    extras: tuple[str, ...] = ()  # fields that follow the intensity in the points

    def sweeps(self) -> Iterator[Sweep]:
        """Read one sweep after another.

        A cloud whose header has no stamp, or one seen before, is named by the time at which it
        was recorded, and by the next free nanosecond if that is taken, too. Raises ``ValueError``
        for a cloud that cannot be read, and at the end if there was none.
        """
        seen: set[int] = set()
        warned = False
        with open_recording(self.path) as recording:
            for received_ns, message in recording.messages(self.topic):
                stamp = stamp_ns(message.header)
                name = received_ns if stamp in seen or stamp == 0 else stamp
                while name in seen:
                    name += 1
                seen.add(name)
                points, truth = self.decode(message, name), self.truth.get(stamp)
                warned = warned or self.warn_of_frames(stamp, message.header.frame_id)
                view, frame_id = self.views.get(stamp), message.header.frame_id
                yield Sweep(str(name), points, truth, received_ns, frame_id, view)
            if not seen:
                raise ValueError(recording.empty(self.topic))
        if self.truth and not seen & self.truth.keys():
            _LOG.warning(
                "%s: none of the %d stamps of its labels is that of a cloud on %s, as %d and %d;"
                " nothing is measured: publish labels with the header of their cloud",
                self.path, len(self.truth), self.topic, min(self.truth), min(seen),
            )  # fmt: skip

    def warn_of_frames(self, stamp: int, frame_id: str) -> bool:
        """Warn where the labels of a cloud are in another frame than it; returns whether so.

        They are taken as they are: nobody asks a recording for transforms.
        """
        labels = self.truth[stamp].frame_id if stamp in self.truth else ""
        if not (labels and frame_id) or labels.lstrip("/") == frame_id.lstrip("/"):
            return False
        _LOG.warning(
            "%s: stamp %d: its labels are in the frame %s, the cloud on %s is in %s; their boxes"
            " are taken as if in the frame of the cloud: publish labels in that frame",
            self.path, stamp, labels, self.topic, frame_id,
        )  # fmt: skip
        return True

    def raw_clouds(self) -> Iterator[tuple[str, CloudLayout, CloudBytes]]:
        """Read one cloud after another as it is, with the names of recording and topic."""
        with open_recording(self.path) as recording:
            for _, message in recording.messages(self.topic):
                yield f"{self.path} {self.topic}", cloud_layout(message), message.data

    def decode(self, message: Any, name: int) -> Float32:
        """Points of one message of the topic; ``ValueError`` with its name if it is not sound."""
        try:
            decoding = DecodeOptions(scale=self.intensity_scale, extras=self.extras)
            return decode_points(cloud_layout(message), message.data, decoding)
        except CloudError as error:
            raise ValueError(f"{self.path}: {self.topic}: stamp {name}: {error}") from error


Source = FolderSource | RecordingSource


def open_source(
    path: Path,
    topic: str | None,
    intensity_scale: float,
    labels: Path | None,
    with_truth: bool,
    columns: Columns | None = None,
) -> Source:
    """Find out what a path holds, and the labels that belong to it.

    ``topic``: of the clouds in a recording; None takes the only one. ``intensity_scale``: what
    intensities are multiplied by, as :func:`decode_points` does. ``labels``: a KITTI object folder
    (or its ``label_2``) or an ``objects.json``; None looks beside the clouds. ``columns``: of
    files of .bin. Raises ``ValueError`` for what cannot be replayed, saying why.
    """
    if not (math.isfinite(intensity_scale) and intensity_scale >= 0):
        raise ValueError(f"--intensity-scale: expected 0 or more, got {intensity_scale}; give what"
                         " brings intensities to [0, 1]")  # fmt: skip
    if not path.exists():
        raise ValueError(f"{path}: expected a folder of clouds or a recording, found nothing;"
                         " correct the path")  # fmt: skip
    if is_recording(path):
        if columns is not None:
            raise ValueError(f"columns: expected none for a recording, whose clouds say what they"
                             f" hold; got {columns.text()}, leave it out")  # fmt: skip
        if labels is not None:
            raise ValueError(f"--labels: expected none for a recording, whose labels are its topic"
                             f" {TRUTH_TOPIC}; got {labels}, leave it out")  # fmt: skip
        with open_recording(path) as recording:
            return _recording_source(recording, topic, intensity_scale, with_truth)
    if topic is not None:
        raise ValueError(f"--topic: expected none for files of clouds ({path}), got {topic};"
                         " leave it out")  # fmt: skip
    return _folder_source(path, intensity_scale, labels, with_truth, columns)


def with_features(source: Source, features: Iterable[str]) -> Source:
    """The source with the fields that models of these features want beside intensity.

    A warning names those that its first cloud does not have.
    """
    extras = extra_fields(features)
    if not extras:
        return source
    missing = missing_fields(_first_layout(source), extras)
    if missing:
        _LOG.warning("%s", missing)
    return replace(source, extras=extras)


def _first_layout(source: Source) -> CloudLayout:
    if isinstance(source, FolderSource):
        return read_raw(source.files[0], source.columns).layout
    with open_recording(source.path) as recording:
        for _, message in recording.messages(source.topic):
            return cloud_layout(message)
    return CloudLayout(0, 1, 0, 0, False, ())


def _recording_source(
    recording: Recording, topic: str | None, intensity_scale: float, with_truth: bool
) -> RecordingSource:
    cloud_topic = recording.cloud_topic(topic)
    count = recording.count(cloud_topic)
    truth = read_truth(recording) if with_truth else {}
    return RecordingSource(recording.path, cloud_topic, count, intensity_scale, truth)


def read_truth(recording: Recording, topic: str = TRUTH_TOPIC) -> dict[int, NamedBoxes]:
    """Boxes of a topic by their stamps in nanoseconds; none if it has no such topic of boxes.

    Raises ``ValueError`` that names the stamp of a box that cannot be.
    """
    truth = {}
    if recording.topics.get(topic) == DETECTIONS:
        for _, message in recording.messages(topic):
            stamp = stamp_ns(message.header)
            where = f"{recording.path}: {topic}: stamp {stamp}"
            try:
                boxes = read_detection_array(message)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from None
            refuse_wrong_labels(boxes.boxes, partial("{}: box {}".format, where))
            # An hour of labels lies in memory, and names and tracks are few: each is there once.
            names, ids = (tuple(map(sys.intern, each)) for each in (boxes.names, boxes.ids))
            truth[stamp] = boxes._replace(names=names, ids=ids)
    truth.pop(0, None)  # no stamp: of no cloud in particular
    return truth


def _folder_source(
    path: Path,
    intensity_scale: float,
    labels: Path | None,
    with_truth: bool,
    columns: Columns | None,
) -> FolderSource:
    if path.is_file() and path.suffix not in SUFFIXES:
        raise ValueError(
            f"{path}: expected a recording (.mcap, .db3, .bag) or a cloud ({', '.join(SUFFIXES)}),"
            f" got a file of {path.suffix or 'no suffix'}; choose another"
        )
    files = tuple(list_clouds(path)) if path.is_dir() else (path,)
    source = FolderSource(files, intensity_scale, with_truth, columns=columns)
    return _with_labels(source, labels or _find_labels(files[0].parent)) if with_truth else source


def _find_labels(folder: Path) -> Path | None:
    """Labels beside a folder of clouds: a KITTI object folder, or objects.json."""
    for place in (folder, folder.parent):
        if (place / "label_2").is_dir() and (place / "calib").is_dir():
            return place
        if (place / "objects.json").is_file():
            return place / "objects.json"
    return None


def _with_labels(source: FolderSource, labels: Path | None) -> FolderSource:
    """Read all labels at once: a missing one should not be found after minutes of work."""
    if labels is None:
        return source
    frames = [path.stem for path in source.files]
    folder = labels.parent if labels.name == "label_2" else labels
    if (folder / "label_2").is_dir():
        truth = {frame: read_label_folder(folder, frame) for frame in frames}
        return replace(source, truth=truth, label_folder=folder)
    if labels.suffix == ".json" and labels.is_file():
        objects = read_objects_file(labels)
        truth = {frame: objects.of_frame(frame) for frame in frames}
        return replace(source, truth=truth, camera=objects.calibration)
    raise ValueError(
        f"--labels: {labels}: expected a folder with label_2 and calib, or an objects.json, found"
        " neither; correct the path"
    )
