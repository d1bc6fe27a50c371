"""A recording of clouds with boxes that RViz and Foxglove open: one .mcap file."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rosbags.interfaces import Connection
from rosbags.rosbag2 import Writer

from pd_ros.detection.operating_point import above_thresholds
from pd_ros.detection.types import Detections
from pd_ros.evaluate_recording.frames import FrameResult, Reference
from pd_ros.recordings.bag import DETECTIONS, POINT_CLOUD
from pd_ros.recordings.box_shapes import MarkerGroup, class_groups
from pd_ros.recordings.detections import NamedBoxes, detection_array, message_header, stamp_ns
from pd_ros.recordings.mcap import writing_mcap
from pd_ros.recordings.sources import Sweep
from pd_ros.recordings.typestore import jazzy_typestore
from pd_ros.recordings.visualization import MARKERS, cloud_message, marker_message
from pd_ros.replay.labelled_detector import distinct_names

TEACHER, LABELS = "teacher", "ground_truth"  # what may measure the models
_POINTS = "/points"
_REFERENCE_COLOUR = (0.17, 0.63, 0.17)


class ViewRecording:
    """``/points``; ``/MODEL/detections`` and ``/MODEL/markers``; the same for the reference.

    Boxes below their model's threshold are in the detections, not in the markers. What a topic may
    not have in its name is ``_`` there.
    """

    def __init__(
        self,
        writer: Writer,
        models: Sequence[str],
        classes: Sequence[str],
        thresholds: Sequence[Sequence[float]],
    ) -> None:
        self._writer = writer
        taken = (TEACHER, LABELS)
        topics = [re.sub(r"\W", "_", name, flags=re.ASCII) for name in models]
        self._topics = distinct_names([*taken, *topics])[len(taken) :]
        self._classes = classes
        self._thresholds = thresholds  # of each model, by class
        self._typestore = jazzy_typestore()
        self._connections: dict[str, Connection] = {}

    def add(self, recorded_ns: int, sweep: Sweep, result: FrameResult, reference: str) -> None:
        """Write one cloud with all its boxes; ``reference`` is TEACHER or LABELS.

        A recorded cloud keeps its stamp; one of a file gets ``recorded_ns``.
        """
        stamp = recorded_ns if sweep.recorded_ns is None else int(sweep.frame)
        header = message_header(self._typestore, stamp, sweep.frame_id)
        cloud = cloud_message(self._typestore, header, sweep.points[:, :4])
        self._write(_POINTS, POINT_CLOUD, recorded_ns, cloud)
        models = zip(self._topics, result.answers, self._thresholds, strict=True)
        for name, answer, thresholds in models:
            confident = above_thresholds(answer.found, thresholds)
            groups = class_groups(confident, self._classes)
            named = _named(answer.found, self._classes)
            self._write_boxes(name, recorded_ns, header, named, groups)
        if result.reference is not None:
            named, groups = _reference_boxes(result.reference, self._classes)
            self._write_boxes(reference, recorded_ns, header, named, groups)

    def _write_boxes(
        self,
        name: str,
        recorded_ns: int,
        header: Any,
        boxes: NamedBoxes,
        groups: list[MarkerGroup],
    ) -> None:
        array = detection_array(self._typestore, stamp_ns(header), boxes, header.frame_id)
        self._write(f"/{name}/detections", DETECTIONS, recorded_ns, array)
        markers = marker_message(self._typestore, header, groups)
        self._write(f"/{name}/markers", MARKERS, recorded_ns, markers)

    def _write(self, topic: str, kind: str, recorded_ns: int, message: Any) -> None:
        if topic not in self._connections:
            connection = self._writer.add_connection(topic, kind, typestore=self._typestore)
            self._connections[topic] = connection
        data = self._typestore.serialize_cdr(message, kind)
        self._writer.write(self._connections[topic], recorded_ns, data)


@contextmanager
def writing_view(
    path: Path,
    models: Sequence[str],
    classes: Sequence[str],
    thresholds: Sequence[Sequence[float]],
) -> Iterator[ViewRecording]:
    """Write such a recording; it is there when all of it is written, in place of an older one."""
    with writing_mcap(path) as writer:
        yield ViewRecording(writer, models, classes, thresholds)


def _named(found: Detections, classes: Sequence[str]) -> NamedBoxes:
    names = tuple(classes[label].lower() for label in found.labels.tolist())
    return NamedBoxes(found.boxes.numpy(), names, found.scores.numpy())


def _reference_boxes(
    reference: Reference, classes: Sequence[str]
) -> tuple[NamedBoxes, list[MarkerGroup]]:
    """Boxes that are asked for."""
    truth, scores = reference
    asked = ~truth.ignore & (truth.labels >= 0)
    found = Detections(truth.boxes[asked], scores[asked], truth.labels[asked])
    groups = [g._replace(colour=_REFERENCE_COLOUR) for g in class_groups(found, classes)]
    return _named(found, classes), groups
