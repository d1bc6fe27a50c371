"""Score a detector on the sweeps of a source, by every measure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import torch
from tqdm import tqdm

from pd_ros.detection.device import has_bf16
from pd_ros.detection.families import AnyModel, AnyModelConfig, make_batch, make_decoder
from pd_ros.detection.score_calibration import PlattScaling, calibrate_scores
from pd_ros.detection.types import Detections
from pd_ros.evaluation.kitti.view import within_view
from pd_ros.evaluation.lidar import (
    ClassScores,
    GroundTruth,
    centre_in_range,
    default_iou,
    evaluate_frames,
)
from pd_ros.evaluation.operating.platt_scaling import fit_scaling
from pd_ros.evaluation.operating.reliability import Reliability, measure_reliability
from pd_ros.evaluation.operating.scores import (
    ALL_RANGES,
    OperatingScores,
    choose_thresholds,
    score_operating_point,
)
from pd_ros.pointcloud.z_offset import raised
from training.config.run import SourceConfig, TrainConfig
from training.datasets.file_lists import drives_of
from training.datasets.frame import Float32, Frame, Frames
from training.datasets.source import open_source
from training.evaluate.record import record_entries

_LOOSE_IOU = {"car": 0.5, "pedestrian": 0.25, "cyclist": 0.25}


class Scores(NamedTuple):
    """What a detector is worth on some sweeps: ``{class: ...}`` of each measure."""

    strict: Mapping[str, ClassScores]  # at KITTI's overlaps
    loose: Mapping[str, ClassScores]
    operating_point: Mapping[str, Mapping[str, OperatingScores]]  # by range
    reliability: Mapping[str, Reliability]


class ScoredSweeps(NamedTuple):
    """What is there and what was found in the sweeps of a source; all of one length."""

    truth: Sequence[GroundTruth]
    found: Sequence[Detections]
    drives: Sequence[str]  # where the source does not say, its first and its second half

    def calibrated(self, scaling: PlattScaling | None, classes: Sequence[str]) -> "ScoredSweeps":
        """The same with calibrated scores."""
        return self._replace(
            found=[calibrate_scores(each, scaling, classes) for each in self.found]
        )


def detect_source(
    detect: Callable[[Float32], Detections],
    config: AnyModelConfig,
    source: SourceConfig,
    min_points: int,
    offsets_m: Sequence[float] = (),
) -> ScoredSweeps:
    """Detect in all sweeps of a source; what nobody can judge is left out, see ``within_view``.

    ``offsets_m``: what the points of each sweep are raised by for the detector; none: 0.
    """
    truth, found = [], []
    frames = open_source(source, config.classes, config.features)
    for i in tqdm(range(len(frames)), desc=f"score {source.title}", leave=False):
        frame = frames[i]
        there = to_ground_truth(frame, min_points, config.range_m)
        offset_m = offsets_m[i] if offsets_m else 0.0
        seen = detect(raised(frame.points, offset_m)).lowered(offset_m)
        there, judged = within_view(there, seen, frame.view)
        truth.append(there)
        found.append(judged)
    return ScoredSweeps(truth, found, drives_in(source, frames))


def drives_in(source: SourceConfig, frames: Frames) -> list[str]:
    """Name the drive of each sweep; where the source does not say, its first or second half."""
    if source.drives is None:
        return [str(2 * i // len(frames)) for i in range(len(frames))]
    names = [frames.name(i) for i in range(len(frames))]
    return drives_of(source.folder, source.drives, names)


def score_source(
    detect: Callable[[Float32], Detections],
    config: AnyModelConfig,
    source: SourceConfig,
    min_points: int,
    given: Sequence[float] | None = None,
) -> Scores:
    """Score all sweeps of a source, as ``score_sweeps`` does."""
    sweeps = detect_source(detect, config, source, min_points)
    return score_sweeps(sweeps, config.classes, given)


def score_sweeps(
    sweeps: ScoredSweeps, classes: Sequence[str], given: Sequence[float] | None = None
) -> Scores:
    """Score sweeps at the thresholds ``given``, one for each class, or of the highest F1 there."""
    truth, found, _ = sweeps
    strict = default_iou(classes)
    loose = {name: _LOOSE_IOU.get(name, strict[name]) for name in classes}
    thresholds = choose_thresholds(truth, found, classes)
    if given is not None:
        thresholds = dict(zip(classes, given, strict=True))
    return Scores(
        evaluate_frames(truth, found, classes, strict),
        evaluate_frames(truth, found, classes, loose),
        score_operating_point(truth, found, classes, thresholds),
        measure_reliability(truth, found, classes),
    )


def _detect_with(
    model: AnyModel,
    config: AnyModelConfig,
    source: SourceConfig,
    device: torch.device,
    min_points: int,
) -> ScoredSweeps:
    """Detect with a network in training; scores are as the network gives them."""
    decode = make_decoder(config, device)

    @torch.inference_mode()
    def detect(points: Float32) -> Detections:
        cloud = torch.from_numpy(points).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)):
            output = model(make_batch([cloud], config))
        return decode(output)[0].cpu()

    return detect_source(detect, config, source, min_points)


class Validation(NamedTuple):
    """What an epoch is worth: figures by name, and what a checkpoint keeps of its first source.

    Both are empty where a run names no validation.
    """

    figures: dict[str, float]
    kept: dict[str, object]  # see ``record_entries``


def validate(
    model: AnyModel, network: AnyModelConfig, config: TrainConfig, device: torch.device
) -> Validation:
    """Score a network on each validation source of a run, if it names any.

    Figures are named ``SOURCE/CLASS/bev_0.7`` (AP in percent), ``.../ghosts_per_frame`` and so on;
    ``f1`` is the mean over sources and classes at their operating points.
    """
    model.eval()
    figures: dict[str, float] = {}
    kept: dict[str, object] = {}
    scaling: PlattScaling | None = None
    points: list[OperatingScores] = []
    for source in config.validation:
        sweeps = _detect_with(model, network, source, device, config.min_points)
        if scaling is None:
            scaling = fit_scaling(sweeps.truth, sweeps.found, network.classes, source.title)
        scores = score_sweeps(sweeps.calibrated(scaling, network.classes), network.classes)
        kept = kept or record_entries(scores.operating_point, scaling, source.title)
        for name in network.classes:
            figures |= {f"{source.title}/{name}/{k}": v for k, v in _figures(scores, name)}
            points.append(scores.operating_point[name][ALL_RANGES])
    if points:
        figures["f1"] = round(sum(point.f1 for point in points) / len(points), 4)
    return Validation(figures, kept)


def _figures(scores: Scores, name: str) -> Iterator[tuple[str, float]]:
    strict, loose = scores.strict[name], scores.loose[name]
    yield f"bev_{loose.min_iou:g}", round(loose.ap_bev_r40, 2)
    yield f"bev_{strict.min_iou:g}", round(strict.ap_bev_r40, 2)
    yield f"3d_{strict.min_iou:g}", round(strict.ap_3d_r40, 2)
    point = scores.operating_point[name][ALL_RANGES]
    for key in ("threshold", "recall", "precision", "ghosts_per_frame"):
        yield key, round(getattr(point, key), 3)


def to_ground_truth(frame: Frame, min_points: int, range_m: Sequence[float]) -> GroundTruth:
    """Boxes of a sweep; those with too few points or out of range need not be found.

    Without those that stand around unlabelled regions: evaluation judges these in the image, see
    ``pd_ros.evaluation.kitti.view``.
    """
    count = len(frame.boxes) - frame.regions
    boxes = torch.from_numpy(frame.boxes[:count])
    few = torch.from_numpy(frame.num_points[:count] < min_points)
    ignore = few | ~centre_in_range(boxes, range_m)
    return GroundTruth(boxes, torch.from_numpy(frame.labels[:count]), ignore)
