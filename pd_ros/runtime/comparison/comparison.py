"""One cloud through the teacher, and its boxes against the student's; no ROS needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pd_ros.detection.geometry.ego import EGO_DISTANCE_M, on_sensor
from pd_ros.detection.not_finite import NOT_FINITE, NOT_FINITE_ADVICE
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.types import Detections
from pd_ros.evaluation.agreement import (
    Pairing,
    count_agreement,
    disagreement,
    pair_boxes,
    teacher_truth,
)
from pd_ros.evaluation.agreement_sums import Agreement
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.pointcloud.decode import Float32
from pd_ros.pointcloud.features import extra_fields, model_points
from pd_ros.recordings.box_shapes import Colour, MarkerGroup
from pd_ros.recordings.detections import NamedBoxes
from pd_ros.recordings.label_names import label_map

AGREED: Colour = (0.17, 0.63, 0.17)
MISSED: Colour = (0.84, 0.15, 0.16)
EXTRA: Colour = (1.00, 0.75, 0.00)


class Comparison(NamedTuple):
    """What both sides say to one cloud; see ``evaluation/agreement.py``."""

    student: Detections  # of the classes compared
    teacher: GroundTruth
    teacher_scores: Tensor  # [M]
    pairs: Pairing
    table: dict[str, tuple[Agreement, ...]]
    disagreement: float


@dataclass(frozen=True)
class ComparedTeacher:
    """A large detector, and what of its boxes the student is asked for."""

    predictor: Predictor
    classes: tuple[str, ...]  # in lower case
    thresholds: tuple[float, ...]  # least scores of boxes that are asked for, by class
    ego_distance_m: float = EGO_DISTANCE_M

    def compare(self, points: Float32, z_offset_m: float, student: NamedBoxes) -> Comparison:
        """Run over a cloud lifted by ``z_offset_m``; boxes are in the cloud's frame.

        ``points``: ``[N, 4]``, and after the intensity what the teacher wants of
        ``extra_fields``.

        Boxes of classes that are not compared count on neither side. Raises ``ValueError`` for a
        teacher that answers values that are not finite.
        """
        features = self.predictor.config.features
        result = self.predictor.infer(model_points(points, features, extra_fields(features)))
        if result.not_finite:
            raise ValueError(f"{result.not_finite} {NOT_FINITE}; {NOT_FINITE_ADVICE}")
        found = result.detections
        labels = label_map(self.predictor.config.classes, self.classes)[found.labels]
        found = Detections(found.boxes, found.scores, labels).lowered(z_offset_m)
        found = found.select(~on_sensor(found.boxes, self.ego_distance_m))
        range_m = self.predictor.config.range_m
        # Boxes of no class compared (-1) are never asked for, whatever their threshold.
        least = found.scores.new_tensor([*self.thresholds, 0.0])[found.labels]
        truth = teacher_truth(found, [range_m], least)
        return compare(named_detections(student, self.classes), truth, found.scores, self.classes)


def compare(
    student: Detections, teacher: GroundTruth, scores: Tensor, classes: Sequence[str]
) -> Comparison:
    """Compare boxes with a teacher's, whose scores are ``[M]``; labels index ``classes``."""
    pairs = pair_boxes(student, teacher, classes)
    table = count_agreement(student, teacher, scores, pairs, classes)
    return Comparison(student, teacher, scores, pairs, table, disagreement(student, scores, pairs))


def compared_classes(own: Sequence[str], asked: str) -> tuple[str, ...]:
    """Return a teacher's own classes that are compared, in lower case; ``asked``: "car, truck".

    All of them if nothing is asked for. Raises ``ValueError`` for a name that it does not know.
    """
    known = tuple(name.lower() for name in own)
    wanted = [part.strip().lower() for part in asked.split(",") if part.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(
            f"classes: expected some of the teacher's ({', '.join(known)}), got"
            f" {', '.join(unknown)}"
        )
    return tuple(name for name in known if name in wanted or not wanted)


def named_detections(boxes: NamedBoxes, classes: Sequence[str]) -> Detections:
    """Boxes of the given classes, by falling score; those of others are left out."""
    index = {name: number for number, name in enumerate(classes)}
    rows = np.array([i for i, name in enumerate(boxes.names) if name in index], dtype=np.int64)
    rows = rows[np.argsort(-boxes.scores[rows], kind="stable")]
    labels = np.array([index[boxes.names[row]] for row in rows], dtype=np.int64)
    arrays = (boxes.boxes[rows], boxes.scores[rows], labels)
    return Detections(*(torch.from_numpy(array) for array in arrays))


def marker_groups(comparison: Comparison, classes: Sequence[str]) -> list[MarkerGroup]:
    """Boxes in three colours: the student's that agree, the teacher's missed, the student's extra.

    A kind without boxes has no group.
    """
    student, teacher, scores, pairs, *_ = comparison
    ours = [classes[label] for label in student.labels.tolist()]
    theirs = [classes[label] for label in teacher.labels.tolist()]
    agreed = [
        f"{ours[row]} {student.scores[row]:.2f}, IoU {iou:.2f}"
        for row, iou in zip(pairs.found.tolist(), pairs.iou.tolist(), strict=True)
    ]
    missed = [f"{theirs[row]} {scores[row]:.2f} missed" for row in pairs.missed.tolist()]
    extra = [f"{ours[row]} {student.scores[row]:.2f} extra" for row in pairs.extra.tolist()]
    groups = [
        MarkerGroup("agreed", AGREED, student.boxes[pairs.found].double().numpy(), agreed),
        MarkerGroup("missed", MISSED, teacher.boxes[pairs.missed].double().numpy(), missed),
        MarkerGroup("extra", EXTRA, student.boxes[pairs.extra].double().numpy(), extra),
    ]
    return [group for group in groups if group.texts]
