"""Score a detector on the sweeps of a source, by every measure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from tqdm import tqdm

from pd_ros.detection.device import has_bf16
from pd_ros.detection.families import AnyModel, AnyModelConfig, make_batch, make_decoder
from pd_ros.detection.operating_point import ClassPoint, OperatingPoint
from pd_ros.detection.types import Detections
from pd_ros.evaluation.lidar import (
    ClassScores,
    GroundTruth,
    centre_in_range,
    default_iou,
    evaluate_frames,
)
from pd_ros.evaluation.operating_point import (
    ALL_RANGES,
    OperatingScores,
    choose_thresholds,
    score_operating_point,
)
from pd_ros.evaluation.reliability import Reliability, measure_reliability
from training.config.run import SourceConfig, TrainConfig
from training.datasets.frame import Float32, Frame
from training.datasets.source import open_source

_LOOSE_IOU = {"car": 0.5, "pedestrian": 0.25, "cyclist": 0.25}


class Scores(NamedTuple):
    """What a detector is worth on some sweeps: ``{class: ...}`` of each measure."""

    strict: Mapping[str, ClassScores]  # at KITTI's overlaps
    loose: Mapping[str, ClassScores]
    operating_point: Mapping[str, Mapping[str, OperatingScores]]  # by range
    reliability: Mapping[str, Reliability]


def score_source(
    detect: Callable[[Float32], Detections],
    config: AnyModelConfig,
    source: SourceConfig,
    min_points: int,
    threshold: float | None = None,
) -> Scores:
    """Score all sweeps of a source; without a threshold at those of the highest F1 there."""
    classes = config.classes
    truths, found = [], []
    frames = open_source(source, classes, config.features)
    for i in tqdm(range(len(frames)), desc=f"score {source.title}", leave=False):
        frame = frames[i]
        truths.append(to_ground_truth(frame, min_points, config.range_m))
        found.append(detect(frame.points))
    strict = default_iou(classes)
    loose = {name: _LOOSE_IOU.get(name, strict[name]) for name in classes}
    thresholds = choose_thresholds(truths, found, classes)
    if threshold is not None:
        thresholds = dict.fromkeys(classes, threshold)
    return Scores(
        evaluate_frames(truths, found, classes, strict),
        evaluate_frames(truths, found, classes, loose),
        score_operating_point(truths, found, classes, thresholds),
        measure_reliability(truths, found, classes),
    )


def to_operating_point(scores: Scores, data: str) -> OperatingPoint:
    """Return what a checkpoint keeps of its thresholds and of what they gave on these sweeps."""
    points = {name: ranges[ALL_RANGES] for name, ranges in scores.operating_point.items()}
    kept = ("threshold", "precision", "recall", "ghosts_per_frame")
    classes = {
        name: ClassPoint(**{key: round(getattr(point, key), 4) for key in kept})
        for name, point in points.items()
    }
    return OperatingPoint(data=data, classes=classes)


def score_model(
    model: AnyModel,
    config: AnyModelConfig,
    source: SourceConfig,
    device: torch.device,
    min_points: int,
) -> Scores:
    """Score a network in training on all sweeps of a source."""
    decode = make_decoder(config, device)

    @torch.inference_mode()
    def detect(points: Float32) -> Detections:
        cloud = torch.from_numpy(points).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)):
            output = model(make_batch([cloud], config))
        return decode(output)[0].cpu()

    return score_source(detect, config, source, min_points)


class Validation(NamedTuple):
    """What an epoch is worth: figures by name, and thresholds chosen on the first source."""

    figures: dict[str, float]
    operating_point: OperatingPoint | None  # None where a run names no validation


def validate(
    model: AnyModel, network: AnyModelConfig, config: TrainConfig, device: torch.device
) -> Validation:
    """Score a network on each validation source of a run, if it names any.

    Figures are named ``SOURCE/CLASS/bev_0.7`` (AP in percent), ``.../ghosts_per_frame`` and so on.
    """
    model.eval()
    figures: dict[str, float] = {}
    point = None
    for source in config.validation:
        scores = score_model(model, network, source, device, config.min_points)
        point = point or to_operating_point(scores, source.title)
        for name in network.classes:
            figures |= {f"{source.title}/{name}/{k}": v for k, v in _figures(scores, name)}
    return Validation(figures, point)


def _figures(scores: Scores, name: str) -> Iterator[tuple[str, float]]:
    strict, loose = scores.strict[name], scores.loose[name]
    yield f"bev_{loose.min_iou:g}", round(loose.ap_bev_r40, 2)
    yield f"bev_{strict.min_iou:g}", round(strict.ap_bev_r40, 2)
    yield f"3d_{strict.min_iou:g}", round(strict.ap_3d_r40, 2)
    point = scores.operating_point[name][ALL_RANGES]
    for key in ("threshold", "recall", "precision", "ghosts_per_frame"):
        yield key, round(getattr(point, key), 3)


def to_ground_truth(frame: Frame, min_points: int, range_m: Sequence[float]) -> GroundTruth:
    """Boxes of a sweep; those with too few points or out of range need not be found."""
    boxes = torch.from_numpy(frame.boxes)
    ignore = torch.from_numpy(frame.num_points < min_points) | ~centre_in_range(boxes, range_m)
    return GroundTruth(boxes, torch.from_numpy(frame.labels), ignore)
