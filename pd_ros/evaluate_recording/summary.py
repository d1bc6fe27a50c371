"""Summarise models over all recordings: accuracy, latency, clouds that a live run would drop."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pd_ros.detection.operating_point import above_thresholds
from pd_ros.detection.types import Detections
from pd_ros.evaluate_recording.frames import ClassAgreement, FrameResult, RecordingResult
from pd_ros.evaluation import distance_bins as distance
from pd_ros.evaluation.agreement_sums import Agreement
from pd_ros.evaluation.curves import PrecisionCurve
from pd_ros.evaluation.lidar import (
    ClassScores,
    GroundTruth,
    bev_curves,
    default_iou,
    evaluate_frames,
    loose_iou,
)
from pd_ros.evaluation.operating.scores import ALL_RANGES, OperatingScores, score_operating_point


class RealTime(NamedTuple):
    """N clouds as they came, and what became of them; N may be 0."""

    clouds: int
    rate_hz: float  # median over the recording; 0 with fewer than two clouds
    answered: tuple[int, ...]  # numbers of the clouds that got an answer
    age_ms: tuple[float, ...]  # of each answer: since its cloud came

    @property
    def dropped(self) -> int:
        """Count the clouds that a newer one has replaced before their turn."""
        return self.clouds - len(self.answered)


def simulate_real_time(recorded_s: Sequence[float], latency_s: Sequence[float]) -> RealTime:
    """One detector, a mailbox of one slot, the newest cloud wins: as ``worker.py`` does it.

    ``recorded_s``: when each cloud came, not falling; ``latency_s``: what each cloud takes. Both
    are of the detector alone: transport, reading and publishing come on top in the node.
    """
    came = np.asarray(recorded_s, np.float64)
    answered, age_ms = list[int](), list[float]()
    following, free_s = 0, -np.inf
    while following < len(came):
        start_s = max(came[following], free_s)
        newest = int(np.searchsorted(came, start_s, side="right")) - 1
        free_s = start_s + latency_s[newest]
        answered.append(newest)
        age_ms.append(1000 * float(free_s - came[newest]))
        following = newest + 1
    steps = np.diff(came)
    rate_hz = 1 / float(np.median(steps)) if len(steps) and np.median(steps) > 0 else 0.0
    return RealTime(len(came), rate_hz, tuple(answered), tuple(age_ms))


QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


@dataclass(frozen=True)
class Accuracy:
    """How right a model is, against labels or a teacher."""

    strict: dict[str, dict[str, ClassScores]]  # by range, then class; customary overlaps
    loose: dict[str, dict[str, ClassScores]]  # by range, then class; KITTI's loose overlaps
    curves: dict[str, PrecisionCurve]  # by class
    agreement: ClassAgreement  # box by box, of the confident ones
    # By class and range: found and ghosts at the model's thresholds.
    operating_point: dict[str, dict[str, OperatingScores]]


@dataclass(frozen=True)
class ModelSummary:
    """One model over all recordings."""

    name: str
    thresholds: dict[str, float]  # by class, of the confident boxes
    accuracy: Accuracy | None  # None: nothing to measure it by
    boxes: dict[str, int]  # of the confident ones, by class
    latency_ms: tuple[float, ...]  # of every cloud
    real_time: dict[str, RealTime]  # by recording
    not_finite: int  # clouds to which the network answered values that are not finite


def summarise(
    results: Sequence[RecordingResult],
    models: Sequence[str],
    classes: Sequence[str],
) -> list[ModelSummary]:
    """Summarise all models; every one has an answer in each frame, in their order."""
    frames = [frame for result in results for frame in result.frames]
    summaries = []
    for number, name in enumerate(models):
        answers = [frame.answers[number] for frame in frames]
        real_time = {result.name: _real_time(result, number) for result in results}
        thresholds = dict(zip(classes, results[0].thresholds[number], strict=True))
        summaries.append(
            ModelSummary(
                name=name,
                thresholds=thresholds,
                accuracy=_accuracy(frames, number, name, thresholds),
                boxes=_count([answer.found for answer in answers], thresholds),
                latency_ms=tuple(1000 * answer.latency_s for answer in answers),
                real_time=real_time,
                not_finite=sum(answer.not_finite > 0 for answer in answers),
            )
        )
    return summaries


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile and maximum; 0 of nothing."""
    array = np.array(values or [0.0])
    return {name: float(np.quantile(array, share)) for name, share in QUANTILES.items()}


def total(parts: Sequence[Agreement]) -> Agreement:
    """Return the agreement in all ranges together."""
    return sum(parts, Agreement())


def _accuracy(
    frames: Sequence[FrameResult], number: int, name: str, thresholds: dict[str, float]
) -> Accuracy | None:
    classes = tuple(thresholds)
    pairs = [
        (frame.reference.truth, frame.answers[number])
        for frame in frames
        if frame.reference is not None
    ]
    if not pairs:
        return None
    truth = [pair[0] for pair in pairs]
    found = [pair[1].found for pair in pairs]
    tables = [answer.agreement for _, answer in pairs if answer.agreement is not None]
    return Accuracy(
        strict=_by_range(truth, found, classes, default_iou(classes)),
        loose=_by_range(truth, found, classes, loose_iou(classes)),
        curves=bev_curves(truth, found, classes, name),
        agreement=_added(tables, classes),
        operating_point=score_operating_point(truth, found, classes, thresholds),
    )


def _by_range(
    truth: Sequence[GroundTruth],
    found: Sequence[Detections],
    classes: Sequence[str],
    min_iou: dict[str, float],
) -> dict[str, dict[str, ClassScores]]:
    scores = {ALL_RANGES: evaluate_frames(truth, found, classes, min_iou)}
    for number, name in enumerate(distance.NAMES):
        limits_m = distance.limits_m(number)
        scores[name] = evaluate_frames(truth, found, classes, min_iou, distance_m=limits_m)
    return scores


def _added(tables: Sequence[ClassAgreement], classes: Sequence[str]) -> ClassAgreement:
    return {
        name: tuple(
            total([table[name][number] for table in tables])
            for number in range(len(distance.NAMES))
        )
        for name in classes
    }


def _count(found: Sequence[Detections], thresholds: dict[str, float]) -> dict[str, int]:
    least = tuple(thresholds.values())
    labels = [n for each in found for n in above_thresholds(each, least).labels.tolist()]
    return {name: labels.count(number) for number, name in enumerate(thresholds)}


def _real_time(result: RecordingResult, number: int) -> RealTime:
    latency_s = [frame.answers[number].latency_s for frame in result.frames]
    return simulate_real_time([frame.recorded_s for frame in result.frames], latency_s)
