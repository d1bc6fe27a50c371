"""Options of an evaluation, and the labels that belong to a recording."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from pd_ros.detection.geometry.ego import EGO_DISTANCE_M
from pd_ros.pointcloud.bin_columns import Columns
from pd_ros.recordings.bag import DETECTIONS, is_recording, open_recording
from pd_ros.recordings.detections import NamedBoxes
from pd_ros.recordings.remote import stem
from pd_ros.recordings.sources import FolderSource, Source, open_source, read_truth
from pd_ros.replay.labelled_detector import distinct_names


@dataclass(frozen=True)
class EvaluationPlan:
    """The same for all recordings, and small enough to be sent to other processes."""

    out: Path
    models: tuple[Path, ...]  # at least one
    teacher: Path | None = None  # measures the models; None: the labels do
    labels: str | None = None  # topic, recording, folder or file; None: those that are there
    topic: str | None = None  # of the clouds; None: the only one
    device: str = "auto"
    intensity_scale: float = 1.0
    # Of the boxes that are compared one by one, drawn and counted; None: each checkpoint's own.
    score_threshold: float | None = None
    rate_hz: float = 10.0  # of clouds in files
    columns: Columns | None = None  # of .bin
    ego_distance_m: float = EGO_DISTANCE_M  # see ``detection.geometry.ego``
    z_offset_m: float | None = 0.0  # None: measured in each recording, for each model


class RecordingTask(NamedTuple):
    """One recording, or folder of clouds."""

    name: str  # unlike the others'
    path: Path | str  # an address where it is no path


def name_tasks(paths: Sequence[Path | str]) -> list[RecordingTask]:
    """Name recordings after their files or folders; no two have the same name."""
    stems = distinct_names([stem(path) for path in paths])
    return [RecordingTask(*pair) for pair in zip(stems, paths, strict=True)]


def open_task(path: Path, plan: EvaluationPlan) -> Source:
    """Open a recording or folder with the labels that were asked for, or that it has.

    Raises ``ValueError`` for what cannot be read, and for labels that are not there.
    """
    labels, measures = None if plan.labels is None else Path(plan.labels), plan.teacher is None
    if not is_recording(path):
        return open_source(
            path, plan.topic, plan.intensity_scale, labels, measures, columns=plan.columns
        )
    source = open_source(
        path, plan.topic, plan.intensity_scale, None, measures, columns=plan.columns
    )
    if labels is None or isinstance(source, FolderSource):
        return source
    holder, topic = (labels, None) if labels.exists() else (path, plan.labels)
    return replace(source, truth=_read_labels(holder, topic))


def _read_labels(path: Path, topic: str | None) -> dict[int, NamedBoxes]:
    if not is_recording(path):
        raise ValueError(
            f"--labels: {path}: expected a topic of the recording, or a recording with labels,"
            " got neither; folders of labels are for folders of clouds"
        )
    with open_recording(path) as recording:
        found = [name for name, kind in recording.topics.items() if kind == DETECTIONS]
        if topic is None and len(found) == 1:
            topic = found[0]
        if topic not in found:
            raise ValueError(
                f"--labels: {path}: expected {topic or 'one topic'} of {DETECTIONS}, the recording"
                f" has {', '.join(found) or 'none'}; choose one of them"
            )
        return read_truth(recording, topic)
