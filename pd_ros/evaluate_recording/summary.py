"""Summarise models over all recordings: accuracy, latency, clouds that a live run would drop."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pd_ros.evaluate_recording.accuracy import Accuracy, measure
from pd_ros.evaluate_recording.results import RecordingResult
from pd_ros.evaluation.agreement_sums import Agreement


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
    """Summarise all models over one recording or more; ``models`` are their names, in order."""
    accuracies = measure(results, models, classes)
    return [_summarise(results, number, name, classes, accuracies[number])
            for number, name in enumerate(models)]  # fmt: skip


def _summarise(
    results: Sequence[RecordingResult],
    number: int,
    name: str,
    classes: Sequence[str],
    accuracy: Accuracy | None,
) -> ModelSummary:
    sums = [result.models[number] for result in results]
    boxes = np.sum([each.boxes for each in sums], axis=0)
    latency_ms = 1000 * np.concatenate([each.latency_s for each in sums])
    return ModelSummary(
        name=name,
        thresholds=dict(zip(classes, results[0].thresholds[number], strict=True)),
        accuracy=accuracy,
        boxes=dict(zip(classes, boxes.tolist(), strict=True)),
        latency_ms=tuple(latency_ms.tolist()),
        real_time={result.name: _real_time(result, number) for result in results},
        not_finite=sum(each.not_finite for each in sums),
    )


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile and maximum; 0 of nothing."""
    array = np.array(values or [0.0])
    return {name: float(np.quantile(array, share)) for name, share in QUANTILES.items()}


def total(parts: Sequence[Agreement]) -> Agreement:
    """Return the agreement in all ranges together."""
    return sum(parts, Agreement())


def _real_time(result: RecordingResult, number: int) -> RealTime:
    latency_s = result.models[number].latency_s.tolist()
    return simulate_real_time(result.recorded_s.tolist(), latency_s)
