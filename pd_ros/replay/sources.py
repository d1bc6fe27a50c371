"""Where clouds come from: a folder of files or a recording; one sweep after another."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pd_ros.evaluation.kitti_camera import Calibration
from pd_ros.replay.clouds import cloud_points
from pd_ros.replay.detection_arrays import Float32, NamedBoxes, read_detection_array, stamp_ns
from pd_ros.replay.files import SUFFIXES, list_clouds, read_cloud
from pd_ros.replay.recording import DETECTIONS, Recording, is_recording, open_recording
from pd_ros.replay.truth import CameraTruth, read_label_folder, read_objects_file

TRUTH_TOPIC = "/ground_truth"


class Sweep(NamedTuple):
    """One cloud with its name, and what is there if somebody labelled it."""

    frame: str  # the file's stem, or the stamp in nanoseconds
    points: Float32  # [N, 4] x, y, z in m, intensity in [0, 1]
    truth: NamedBoxes | None


@dataclass(frozen=True)
class FolderSource:
    """Clouds in files, by name; labels beside them or in them."""

    files: tuple[Path, ...]
    intensity_scale: float
    label_folder: Path | None = None  # KITTI object: holds label_2 and calib
    objects: CameraTruth | None = None  # KITTI raw
    with_truth: bool = True

    @property
    def count(self) -> int:
        """How many sweeps there are."""
        return len(self.files)

    @property
    def camera(self) -> Calibration | None:
        """The camera outside whose image nobody labelled; None if all around is labelled."""
        return self.objects.calibration if self.objects else None

    def sweeps(self) -> Iterator[Sweep]:
        """Read one sweep after another."""
        for path in self.files:
            cloud = read_cloud(path, self.intensity_scale)
            yield Sweep(path.stem, cloud.points, self._truth(path.stem, cloud.truth))

    def _truth(self, frame: str, own: NamedBoxes | None) -> NamedBoxes | None:
        if not self.with_truth:
            return None
        if self.label_folder:
            return read_label_folder(self.label_folder, frame)
        if self.objects:
            return self.objects.of_frame(frame)
        return own


@dataclass(frozen=True)
class RecordingSource:
    """Clouds of one topic of a recording; labels from another, by equal stamps."""

    path: Path
    topic: str
    count: int
    intensity_scale: float
    truth: dict[int, NamedBoxes]  # by header stamp in nanoseconds; empty: not labelled
    label_folder: None = None
    camera: None = None

    def sweeps(self) -> Iterator[Sweep]:
        """Read one sweep after another.

        A cloud whose header has no stamp, or one seen before, is named by the time at which it
        was recorded.
        """
        seen: set[int] = set()
        with open_recording(self.path) as recording:
            for received_ns, message in recording.messages(self.topic):
                stamp = stamp_ns(message.header)
                name = received_ns if stamp in seen or stamp == 0 else stamp
                seen.add(name)
                points = cloud_points(message, self.intensity_scale, f"{self.path}: {self.topic}")
                yield Sweep(str(name), points, self.truth.get(stamp))


Source = FolderSource | RecordingSource


def open_source(
    path: Path, topic: str | None, intensity_scale: float, labels: Path | None, with_truth: bool
) -> Source:
    """Find out what a path holds, and the labels that belong to it.

    ``topic``: of the clouds in a recording; None takes the only one. ``labels``: a KITTI object
    folder (or its ``label_2``) or an ``objects.json``; None looks beside the clouds. Raises
    ``ValueError`` for what cannot be replayed, saying why.
    """
    if not path.exists():
        raise ValueError(f"{path}: expected a folder of clouds or a recording, found nothing")
    if is_recording(path):
        if labels is not None:
            raise ValueError(f"--labels: expected none for a recording, whose labels are its topic"
                             f" {TRUTH_TOPIC}; got {labels}")  # fmt: skip
        with open_recording(path) as recording:
            return _recording_source(recording, topic, intensity_scale, with_truth)
    files = list_clouds(path) if path.is_dir() else [path]
    if path.is_file() and path.suffix not in SUFFIXES:
        raise ValueError(
            f"{path}: expected a recording (.mcap, .db3, .bag) or a cloud ({', '.join(SUFFIXES)})"
        )
    source = FolderSource(tuple(files), intensity_scale, with_truth=with_truth)
    if not with_truth:
        return source
    return _with_labels(source, labels or _find_labels(files[0].parent))


def _recording_source(
    recording: Recording, topic: str | None, intensity_scale: float, with_truth: bool
) -> RecordingSource:
    cloud_topic = recording.cloud_topic(topic)
    count = recording.count(cloud_topic)
    if count == 0:
        raise ValueError(f"{recording.path}: {cloud_topic}: expected clouds, the topic is empty")
    truth = {}
    if with_truth and recording.topics.get(TRUTH_TOPIC) == DETECTIONS:
        for _, message in recording.messages(TRUTH_TOPIC):
            truth[stamp_ns(message.header)] = read_detection_array(message)
    return RecordingSource(recording.path, cloud_topic, count, intensity_scale, truth)


def _find_labels(folder: Path) -> Path | None:
    """Labels beside a folder of clouds: a KITTI object folder, or objects.json."""
    for place in (folder, folder.parent):
        if (place / "label_2").is_dir() and (place / "calib").is_dir():
            return place
        if (place / "objects.json").is_file():
            return place / "objects.json"
    return None


def _with_labels(source: FolderSource, labels: Path | None) -> FolderSource:
    if labels is None:
        return source
    folder = labels.parent if labels.name == "label_2" else labels
    if (folder / "label_2").is_dir():
        return FolderSource(source.files, source.intensity_scale, label_folder=folder)
    if labels.suffix == ".json" and labels.is_file():
        objects = read_objects_file(labels)
        return FolderSource(source.files, source.intensity_scale, objects=objects)
    raise ValueError(
        f"--labels: {labels}: expected a folder with label_2 and calib, or an objects.json"
    )
