"""Boxes of one cloud against labels, or against a teacher's."""

from collections.abc import Sequence
from dataclasses import dataclass

from pd_ros.detection.types import Detections
from pd_ros.evaluation.agreement import count_agreement, disagreement, pair_boxes, teacher_truth
from pd_ros.evaluation.kitti_camera import Calibration
from pd_ros.evaluation.lidar import centre_in_range
from pd_ros.replay.frame_result import ModelAnswer, Reference
from pd_ros.replay.named_detector import Timed
from pd_ros.replay.sources import Sweep
from pd_ros.replay.truth import ground_truth, within_camera


@dataclass(frozen=True)
class FrameJudge:
    """The same for all frames; ``ranges_m`` are the models', asked for is what lies in all."""

    classes: tuple[str, ...]
    ranges_m: tuple[Sequence[float], ...]
    score_threshold: float

    def labels(self, sweep: Sweep, camera: Calibration | None) -> Reference | None:
        """Return the labels of a sweep, as ``lidar.py`` asks for them; None if it has none.

        ``camera``: what is not in its view was not labelled; None: all around was.
        """
        if sweep.truth is None:
            return None
        truth = ground_truth(sweep.truth, sweep.points, self.classes, self.ranges_m[0])
        for range_m in self.ranges_m[1:]:
            truth = truth._replace(ignore=truth.ignore | ~centre_in_range(truth.boxes, range_m))
        if camera is not None:
            truth, _ = within_camera(truth, Detections.empty(), camera)
        return Reference.labels(truth)

    def teacher(self, found: Detections, range_m: Sequence[float]) -> Reference:
        """Return a teacher's boxes as a reference; ``range_m`` is where the teacher looks."""
        ranges_m = (*self.ranges_m, range_m)
        return Reference(teacher_truth(found, ranges_m, self.score_threshold), found.scores)

    def answer(
        self, timed: Timed, reference: Reference | None, camera: Calibration | None
    ) -> ModelAnswer:
        """Compare what a model found with the reference, in the camera's view if there is one."""
        found = timed.found.select(timed.found.labels >= 0)
        if reference is None:
            return ModelAnswer(found, timed.latency_s, None, 0.0, timed.not_finite)
        truth, scores = reference
        if camera is not None:
            _, found = within_camera(truth, found, camera)
        confident = found.select(found.scores >= self.score_threshold)
        pairs = pair_boxes(confident, truth, self.classes)
        table = count_agreement(confident, truth, scores, pairs, self.classes)
        differing = disagreement(confident, scores, pairs)
        return ModelAnswer(found, timed.latency_s, table, differing, timed.not_finite)
