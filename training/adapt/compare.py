"""The student before and after: the same held-back scenes, each at its own thresholds."""

from collections.abc import Mapping
from typing import NamedTuple

from pd_ros.detection.operating_point import above_thresholds
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.types import Detections
from pd_ros.evaluation import distance_bins as distance
from pd_ros.evaluation.lidar import MIN_POINTS, ClassScores, evaluate_frames, loose_iou
from pd_ros.evaluation.operating.scores import (
    ALL_RANGES,
    OperatingScores,
    score_operating_point,
)
from training.config.run import SourceConfig
from training.datasets.frame import Float32
from training.evaluate.scoring import detect_source


class Judged(NamedTuple):
    """What a student is worth on the held-back scenes: by class, then by range of distance."""

    title: str
    loose: Mapping[str, Mapping[str, ClassScores]]
    operating_point: Mapping[str, Mapping[str, OperatingScores]]


def judge(title: str, predictor: Predictor, source: SourceConfig) -> Judged:
    """Score a student at its own thresholds."""
    classes = predictor.config.classes
    sweeps = detect_source(predictor, predictor.config, source, MIN_POINTS)
    thresholds = dict(zip(classes, predictor.thresholds, strict=True))
    least = loose_iou(classes)
    by_range = {
        name: evaluate_frames(sweeps.truth, sweeps.found, classes, least, distance_m=limits)
        for name, limits in {ALL_RANGES: None, **distance.limits_by_name()}.items()
    }
    loose = {name: {part: each[name] for part, each in by_range.items()} for name in classes}
    points = score_operating_point(sweeps.truth, sweeps.found, classes, thresholds)
    return Judged(title, loose, points)


def fallen_classes(before: Judged, after: Judged) -> list[str]:
    """Classes whose average precision over all distances the adaptation has lowered."""
    return [
        name
        for name, ranges in before.loose.items()
        if after.loose[name][ALL_RANGES].ap_bev_r40 < ranges[ALL_RANGES].ap_bev_r40
    ]


def publish(predictor: Predictor, points: Float32) -> Detections:
    """What the node would publish of a cloud."""
    return above_thresholds(predictor(points), predictor.thresholds)
