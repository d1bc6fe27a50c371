"""Recordings of ROS 2 (rosbag2: a folder, .mcap, .db3) and ROS 1 (.bag), labelled or not.

``path`` is the recording; clouds are those of ``topic``, or of the only topic of clouds; boxes are
those of the topic ``/ground_truth`` with the same stamp. Clouds without any are left out.

With ``labelled: false`` all clouds are read, and one ignored box covers all of each: neither
objects nor their absence are learnt from it, only what a teacher says without asking for labels
(logit KD with a Gaussian mask asks for them), or, with ``distill.unlabelled``, its boxes.
"""

import weakref
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd_ros.recordings.bag import TRUTH_TOPIC, Recording, is_recording, open_recording
from pd_ros.recordings.detections import NamedBoxes, stamp_ns
from pd_ros.recordings.sources import RecordingSource, open_source
from training.datasets.class_map import ClassMap
from training.datasets.frame import IGNORED, Float32, Frame, without_labels
from training.datasets.inside import count_inside

# What the simulator's recordings name besides the classes of most models.
_SIMULATED = ("car", "van", "truck", "bus", "pedestrian", "cyclist")


class _Place(NamedTuple):
    """Where a cloud is in its recording."""

    received_ns: int
    number: int  # among the clouds received in the same nanosecond
    stamp_ns: int


def recording_classes(classes: Sequence[str]) -> dict[str, str | None]:
    """Names known in recordings: the model's classes, the simulator's, and no name at all."""
    return {"": None, **{name: name for name in (*_SIMULATED, *classes)}}


class RecordingFrames:
    """The clouds of a recording in its order; see the module.

    Opening reads through the recording once, to know where each cloud is.
    """

    def __init__(
        self,
        path: Path,
        class_map: ClassMap,
        topic: str | None = None,
        intensity_scale: float = 1.0,
        labelled: bool = True,
    ) -> None:
        if path.exists() and not is_recording(path):
            raise ValueError(f"{path}: expected a recording (.mcap, .db3, .bag or a folder with"
                             " metadata.yaml), got something else; correct the path")  # fmt: skip
        source = open_source(path, topic, intensity_scale, None, labelled)
        assert isinstance(source, RecordingSource)
        self._source = source
        self._class_map = class_map
        self._labelled = labelled
        if labelled and not source.truth:
            raise ValueError(
                f"{path}: expected boxes on the topic {TRUTH_TOPIC}, found none; record them, or"
                " say labelled: false to use clouds of which nobody said what is in them"
            )
        self._places = [
            place for place in _find_clouds(source)
            if not labelled or place.stamp_ns in source.truth
        ]  # fmt: skip
        if not self._places:
            raise ValueError(
                f"{path}: expected clouds on {source.topic} with the stamps of the boxes on"
                f" {TRUTH_TOPIC}, found none; publish both with the same header"
            )
        self._recording: Recording | None = None  # opened by each process for itself

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_recording": None}

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Frame:
        place = self._places[index]
        message = self._message(place)
        points = self._source.decode(message, place.stamp_ns)
        if not self._labelled:
            return without_labels(points)
        boxes = self._boxes(index)
        return Frame(points, boxes, self.labels(index), count_inside(points, boxes))

    def name(self, index: int) -> str:
        """The recording and the cloud's stamp in nanoseconds."""
        return f"{self._source.path}: stamp {self._places[index].stamp_ns}"

    def labels(self, index: int) -> NDArray[np.int64]:
        """Labels of the boxes."""
        if not self._labelled:
            return np.array([IGNORED], dtype=np.int64)
        return self._class_map.labels_of(self._truth(index).names, self._where(index))

    def _boxes(self, index: int) -> Float32:
        return self._truth(index).boxes

    def _where(self, index: int) -> str:
        return f"{self._source.path}: {TRUTH_TOPIC}: stamp {self._places[index].stamp_ns}"

    def _truth(self, index: int) -> NamedBoxes:
        return self._source.truth[self._places[index].stamp_ns]

    def _message(self, place: _Place) -> Any:
        if self._recording is None:
            self._recording = open_recording(self._source.path)
            weakref.finalize(self, self._recording.close)
        start = place.received_ns
        found = self._recording.messages(self._source.topic, start, start + 1)
        return next(islice(found, place.number, None)).message


def _find_clouds(source: RecordingSource) -> list[_Place]:
    places: list[_Place] = []
    warned = False
    with open_recording(source.path) as recording:
        for received_ns, message in recording.messages(source.topic):
            last = places[-1] if places else None
            same = last is not None and last.received_ns == received_ns
            number = last.number + 1 if last is not None and same else 0
            stamp = stamp_ns(message.header)
            warned = warned or source.warn_of_frames(stamp, message.header.frame_id)
            places.append(_Place(received_ns, number, stamp))
    return places
