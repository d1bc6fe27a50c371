"""The comparison node's work apart from ROS: teacher, sums, and the clouds worth keeping."""

import os
from pathlib import Path
from typing import Any

import torch

from pd_ros.detection.predictor import Predictor
from pd_ros.pointcloud.decode import DecodeOptions, Float32, decode_points
from pd_ros.pointcloud.features import extra_fields
from pd_ros.pointcloud.layout import CloudError, cloud_layout
from pd_ros.pointcloud.training_statistics import expected_clouds
from pd_ros.pointcloud.z_offset import AutoOffset
from pd_ros.recordings.bag import DETECTIONS, POINT_CLOUD
from pd_ros.recordings.box_shapes import MarkerGroup
from pd_ros.recordings.detections import NamedBoxes, detection_array, read_detection_array
from pd_ros.recordings.typestore import jazzy_typestore
from pd_ros.runtime.comparison.comparison import (
    ComparedTeacher,
    Comparison,
    compared_classes,
    marker_groups,
)
from pd_ros.runtime.comparison.disagreement_store import DisagreementStore, StoredMessage
from pd_ros.runtime.comparison.exact_time_sync import StampPair
from pd_ros.runtime.comparison.window import AgreementWindow
from pd_ros.runtime.settings import ComparisonSettings


class ComparisonEngine:
    """Loads and warms up the teacher; one thread at a time compares, any may read ``totals``."""

    def __init__(self, settings: ComparisonSettings) -> None:
        predictor = Predictor.for_clouds(settings.checkpoint, settings.device)
        predictor.warm_up()
        self.name = predictor.config.name
        self.classes = compared_classes(predictor.config.classes, settings.classes)
        self._window = AgreementWindow(settings.window, self.classes)
        self.totals = self._window.totals()  # by class, over the last clouds compared
        self._settings = settings
        expected = expected_clouds(predictor.training, predictor.where)
        self._auto = AutoOffset(expected.ground_m)
        self._extras = extra_fields(predictor.config.features)
        own = dict(
            zip(map(str.lower, predictor.config.classes), predictor.thresholds, strict=True)
        )
        thresholds = [
            own[name] if settings.score_threshold < 0 else settings.score_threshold
            for name in self.classes
        ]
        self._teacher = ComparedTeacher(
            predictor, self.classes, tuple(thresholds), settings.ego_distance_m
        )
        self._typestore = jazzy_typestore()
        self._store: DisagreementStore | None = None
        if settings.record_folder:
            folder, bytes_ = Path(settings.record_folder), settings.record_megabytes * 1_000_000
            self._store = DisagreementStore(folder, settings.record_count, bytes_)

    @property
    def recorded(self) -> int:
        """Count the clouds that are kept."""
        return 0 if self._store is None else len(self._store.files)

    @property
    def auto_offset(self) -> AutoOffset | None:
        """What measures the offset; None where the site gives a number."""
        return self._auto if self._settings.z_offset_m is None else None

    def compare(self, cloud: Any, answer: Any) -> Comparison | None:
        """Compare the student's answer, a ``Detection3DArray``, with the teacher's to its cloud.

        None while the offset of the ground is measured: the student's answers are empty then, too.
        Raises ``CloudError`` for a cloud or an answer that cannot be read.
        """
        settings = self._settings
        decoding = DecodeOptions(scale=settings.intensity_scale, extras=self._extras)
        points = decode_points(cloud_layout(cloud), cloud.data, decoding)
        offset_m = self._offset(points)
        if offset_m is None:
            return None
        points[:, 2] += offset_m
        try:
            student = read_detection_array(answer)
        except ValueError as error:
            raise CloudError("answer with unsound boxes", f"answer: {error}") from None
        comparison = self._teacher.compare(points, offset_m, student)
        self._window.add(comparison.table)
        self.totals = self._window.totals()
        return comparison

    def _offset(self, points: Float32) -> float | None:
        """Return the offset in m; None while it is measured, with these points, too."""
        if self._settings.z_offset_m is not None:
            return self._settings.z_offset_m
        if self._auto.offset_m is None:
            self._auto.add(points)
            return None
        return self._auto.offset_m

    def marker_groups(self, comparison: Comparison) -> list[MarkerGroup]:
        """Boxes to look at: see ``comparison.marker_groups``."""
        return marker_groups(comparison, self.classes)

    def keep(self, pair: StampPair, frame_id: str, comparison: Comparison) -> None:
        """Record a pair if it is asked for and worth it. Raises ``OSError`` on a full disk."""
        least = self._settings.record_min_disagreement
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


def lower_priority(nice: int, threads: int) -> None:
    """Leave this process' share of the processor to others: priority and torch's threads."""
    os.nice(nice)
    torch.set_num_threads(threads)
