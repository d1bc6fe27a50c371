"""What a checkpoint keeps of its validation, for all that run it."""

import math
from collections.abc import Mapping

from pd_ros.detection.operating_point import KEY as POINT_KEY
from pd_ros.detection.operating_point import ClassPoint, OperatingPoint
from pd_ros.detection.score_calibration import KEY as SCALING_KEY
from pd_ros.detection.score_calibration import PlattScaling
from pd_ros.evaluation import distance_bins as distance
from pd_ros.evaluation.operating.expected_errors import KEY as ERRORS_KEY
from pd_ros.evaluation.operating.expected_errors import MeasuredErrors, RangeErrors
from pd_ros.evaluation.operating.scores import ALL_RANGES, OperatingScores

LEAST_PAIRS = 8  # of fewer, a deviation is off by more than a quarter (1 / sqrt(2 n))

_BEFORE = " (weights before the last run)"

ScoresByRange = Mapping[str, Mapping[str, OperatingScores]]  # of each class


def record_entries(scores: ScoresByRange, scaling: PlattScaling, data: str) -> dict[str, object]:
    """Return the entries of the training record; ``scores`` are those of calibrated boxes."""
    kept = {
        POINT_KEY: to_operating_point(scores, data),
        SCALING_KEY: scaling,
        ERRORS_KEY: to_box_errors(scores, data),
    }
    return {key: entry.model_dump(mode="json") for key, entry in kept.items()}


def entries_of_start(training: Mapping[str, object], where: str) -> dict[str, object]:
    """The same entries, as the checkpoint to start from has them, for a run without validation.

    Each says in ``data`` that the weights before were judged. Raises ``ValueError`` that names
    ``where`` if one is missing.
    """
    kept: dict[str, object] = {}
    for key in (POINT_KEY, SCALING_KEY, ERRORS_KEY):
        entry = training.get(key)
        if not isinstance(entry, Mapping):
            raise ValueError(
                f"thresholds: start takes {key} from {where}, which has none; write it with"
                " python -m training.evaluate --keep-operating-point"
            )
        kept[key] = {**entry, "data": f"{entry['data']}{_BEFORE}"}
    return kept


def to_operating_point(scores: ScoresByRange, data: str) -> OperatingPoint:
    """Return the thresholds and what they gave on these sweeps."""
    kept = ("precision", "recall", "ghosts_per_frame")
    classes = {
        name: ClassPoint(
            threshold=round(point.threshold, 6),  # scores of weak classes lie close together
            **{key: round(getattr(point, key), 4) for key in kept},
        )
        for name, point in ((name, ranges[ALL_RANGES]) for name, ranges in scores.items())
    }
    return OperatingPoint(data=data, classes=classes)


def to_box_errors(scores: ScoresByRange, data: str) -> MeasuredErrors:
    """Return the errors of the boxes that were found, by class and range.

    A range of fewer than ``LEAST_PAIRS`` boxes gets the errors of the class in all ranges; a class
    of fewer is left out.
    """
    classes = {}
    for name, ranges in scores.items():
        everywhere = ranges[ALL_RANGES]
        if everywhere.found < LEAST_PAIRS:
            continue
        rows = zip(distance.STARTS_M, (ranges[title] for title in distance.NAMES), strict=True)
        classes[name] = tuple(
            _range_errors(from_m, row if row.found >= LEAST_PAIRS else everywhere)
            for from_m, row in rows
        )
    return MeasuredErrors(data=data, classes=classes)


def _range_errors(from_m: float, row: OperatingScores) -> RangeErrors:
    """Mean and deviation as one: the boxes are published with what they are off on average."""
    assert row.errors is not None
    parts = {"along_m": 1.0, "across_m": 1.0, "up_m": 1.0, "yaw_deg": math.pi / 180}
    rms = [round(unit * math.hypot(*getattr(row.errors, key)), 4) for key, unit in parts.items()]
    along, across, up, yaw = rms
    return RangeErrors(
        from_m=from_m, pairs=row.found, along_m=along, across_m=across, up_m=up, yaw_rad=yaw
    )
