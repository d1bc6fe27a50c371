"""The comparison node's work apart from ROS: teacher, sums, and the clouds worth keeping."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pd_ros.detection.predictor import Predictor
from pd_ros.pointcloud.decode import Reading, decode_points
from pd_ros.pointcloud.features import extra_fields
from pd_ros.pointcloud.layout import CloudError, cloud_layout
from pd_ros.recordings.bag import DETECTIONS, POINT_CLOUD
from pd_ros.recordings.box_shapes import MarkerGroup
from pd_ros.recordings.detections import NamedBoxes, detection_array, read_detection_array
from pd_ros.recordings.typestore import jazzy_typestore
from pd_ros.runtime.comparison.comparison import (
    Comparison,
    Teacher,
    compared_classes,
    marker_groups,
)
from pd_ros.runtime.comparison.disagreement_store import DisagreementStore, StoredMessage
from pd_ros.runtime.comparison.exact_time_sync import StampPair
from pd_ros.runtime.comparison.window import AgreementWindow


@dataclass(frozen=True)
class ComparisonConfig:
    """What the site decides, read once at the start."""

    checkpoint: str
    device: str = "cpu"
    score_threshold: float = 0.3
    classes: str = ""  # "car, truck"; empty: all of the teacher's
    intensity_scale: float = 1.0
    z_offset_m: float = 0.0
    ego_distance_m: float = 0.3
    window: int = 100
    record_folder: str = ""  # empty: nothing is kept
    record_count: int = 50
    record_megabytes: int = 500
    record_min_disagreement: float = 1.0


class ComparisonEngine:
    """Loads and warms up the teacher; one thread at a time compares, any may read ``totals``."""

    def __init__(self, config: ComparisonConfig) -> None:
        predictor = Predictor.for_clouds(config.checkpoint, config.device)
        predictor.warm_up()
        self.name = predictor.config.name
        self.classes = compared_classes(predictor.config.classes, config.classes)
        self._window = AgreementWindow(config.window, self.classes)
        self.totals = self._window.totals()  # by class, over the last clouds compared
        self._config = config
        self._extras = extra_fields(predictor.config.features)
        self._teacher = Teacher(
            predictor, self.classes, config.score_threshold, config.ego_distance_m
        )
        self._typestore = jazzy_typestore()
        self._store: DisagreementStore | None = None
        if config.record_folder:
            folder, bytes_ = Path(config.record_folder), config.record_megabytes * 1_000_000
            self._store = DisagreementStore(folder, config.record_count, bytes_)

    @property
    def recorded(self) -> int:
        """How many clouds are kept."""
        return 0 if self._store is None else len(self._store.files)

    def compare(self, cloud: Any, answer: Any) -> Comparison:
        """Compare the student's answer, a ``Detection3DArray``, with the teacher's to its cloud.

        Raises ``CloudError`` for a cloud or an answer that cannot be read.
        """
        config = self._config
        reading = Reading(scale=config.intensity_scale, extras=self._extras)
        points = decode_points(cloud_layout(cloud), cloud.data, reading)
        points[:, 2] += config.z_offset_m
        try:
            student = read_detection_array(answer)
        except ValueError as error:
            raise CloudError("answer with unsound boxes", f"answer: {error}") from None
        comparison = self._teacher.compare(points, config.z_offset_m, student)
        self._window.add(comparison.table)
        self.totals = self._window.totals()
        return comparison

    def marker_groups(self, comparison: Comparison) -> list[MarkerGroup]:
        """Boxes to look at: see ``comparison.marker_groups``."""
        return marker_groups(comparison, self.classes)

    def keep(self, pair: StampPair, frame_id: str, comparison: Comparison) -> None:
        """Record a pair if it is asked for and worth it. Raises ``OSError`` on a full disk."""
        least = self._config.record_min_disagreement
        if self._store is None or comparison.disagreement < least:
            return
        array = detection_array(
            self._typestore, pair.stamp_ns, self._teacher_boxes(comparison), frame_id
        )
        teacher = bytes(self._typestore.serialize_cdr(array, DETECTIONS))
        messages = (
            StoredMessage("/points", POINT_CLOUD, pair.cloud),
            StoredMessage("/detections", DETECTIONS, pair.answer),
            StoredMessage("/teacher/detections", DETECTIONS, teacher),
        )
        self._store.offer(comparison.disagreement, pair.stamp_ns, messages)

    def _teacher_boxes(self, comparison: Comparison) -> NamedBoxes:
        """Its boxes of the classes compared, those that are not asked for, too."""
        known = comparison.teacher.labels >= 0
        labels = comparison.teacher.labels[known].tolist()
        return NamedBoxes(
            comparison.teacher.boxes[known].numpy(),
            tuple(self.classes[label] for label in labels),
            comparison.teacher_scores[known].numpy(),
        )


def step_back(nice: int, threads: int) -> None:
    """Leave this process' share of the processor to others: priority and torch's threads."""
    os.nice(nice)
    torch.set_num_threads(threads)
