"""The student before and after: the same held-back scenes, each at its own thresholds."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch

from pd_ros.detection.operating_point import above_thresholds
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.types import Detections
from pd_ros.evaluation import distance_bins as distance
from pd_ros.evaluation.lidar import MIN_POINTS, ClassScores, evaluate_frames, loose_iou
from pd_ros.evaluation.operating.scores import ALL_RANGES, OperatingScores
from training.config.run import SourceConfig
from training.datasets.frame import Float32
from training.evaluate.scoring import detect_source, score_sweeps


class Judged(NamedTuple):
    """What a student is worth on the held-back scenes: by class, then by range of distance."""

    title: str
    strict: Mapping[str, ClassScores]
    loose: Mapping[str, Mapping[str, ClassScores]]
    operating_point: Mapping[str, Mapping[str, OperatingScores]]


def judge(title: str, checkpoint: Path, source: SourceConfig) -> Judged:
    """Score a checkpoint at its own thresholds."""
    predictor = Predictor.from_checkpoint(checkpoint)
    classes = predictor.config.classes
    sweeps = detect_source(predictor, predictor.config, source, MIN_POINTS)
    scores = score_sweeps(sweeps, classes, predictor.thresholds)
    parts = {ALL_RANGES: None} | {
        name: distance.limits_m(number) for number, name in enumerate(distance.NAMES)
    }
    least = loose_iou(classes)
    by_range = {
        name: evaluate_frames(sweeps.truth, sweeps.found, classes, least, distance_m=limits)
        for name, limits in parts.items()
    }
    loose = {name: {part: by_range[part][name] for part in parts} for name in classes}
    return Judged(title, scores.strict, loose, scores.operating_point)


def publish(predictor: Predictor, points: Float32) -> Detections:
    """What the node would publish of a cloud."""
    return above_thresholds(predictor(points), predictor.thresholds)


def raised(points: Float32, z_shift_m: float) -> Float32:
    """A cloud as high as the networks expect it."""
    moved = points.copy()
    moved[:, 2] += z_shift_m
    return moved


def lowered(found: Detections, z_shift_m: float) -> Detections:
    """Boxes back in the frame of the cloud."""
    down = found.boxes.new_tensor([0, 0, z_shift_m, 0, 0, 0, 0])
    return found._replace(boxes=found.boxes - down)


def as_tensor(points: Float32) -> torch.Tensor:
    """The points of a picture."""
    return torch.from_numpy(points)
