"""How right models are over all recordings: two passes over the boxes that lie in files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from pd_ros.detection.types import Detections
from pd_ros.evaluate_recording.frames import ClassAgreement
from pd_ros.evaluate_recording.results import RecordingResult, add_agreement
from pd_ros.evaluate_recording.stored_boxes import LabelledPart, read_boxes
from pd_ros.evaluation import distance_bins as distance
from pd_ros.evaluation.curves import PrecisionCurve
from pd_ros.evaluation.lidar import (
    ClassScores,
    ClassTally,
    GroundTruth,
    LabelledFrames,
    default_iou,
    loose_iou,
)
from pd_ros.evaluation.operating.scores import ALL_RANGES, OperatingScores, OperatingTally


@dataclass(frozen=True)
class Accuracy:
    """How right a model is, against labels or a teacher."""

    strict: dict[str, dict[str, ClassScores]]  # by range, then class; customary overlaps
    loose: dict[str, dict[str, ClassScores]]  # by range, then class; KITTI's loose overlaps
    curves: dict[str, PrecisionCurve]  # by class
    agreement: ClassAgreement  # box by box, of the confident ones
    # By class and range: found and ghosts at the model's thresholds.
    operating_point: dict[str, dict[str, OperatingScores]]


def measure(
    results: Sequence[RecordingResult], models: Sequence[str], classes: Sequence[str]
) -> list[Accuracy | None]:
    """Measure all models over all recordings; None where no cloud is measured."""
    if not any(len(result.box_counts) for result in results):
        return [None] * len(models)
    thresholds = [
        dict(zip(classes, each, strict=True)) for each in results[0].thresholds[: len(models)]
    ]
    tallies = [_ModelTally(classes, each) for each in thresholds]
    for part in _parts(results):
        for tally, found in zip(tallies, part.found, strict=True):
            tally.find(part.truth, found)
    for part in _parts(results):
        for tally, found in zip(tallies, part.found, strict=True):
            tally.count(part.truth, found)
    return [
        tally.accuracy(name, _agreement(results, number))
        for number, (name, tally) in enumerate(zip(models, tallies, strict=True))
    ]


def _parts(results: Sequence[RecordingResult]) -> Iterator[LabelledPart]:
    for result in results:
        yield from read_boxes(result.boxes, result.box_counts)


def _agreement(results: Sequence[RecordingResult], number: int) -> ClassAgreement:
    return reduce(add_agreement, (result.models[number].agreement for result in results))


class _ModelTally:
    """One model: every class in every range, at both overlaps."""

    def __init__(self, classes: Sequence[str], thresholds: dict[str, float]) -> None:
        self._strict, self._loose = default_iou(classes), loose_iou(classes)
        ranges = {ALL_RANGES: None, **distance.limits_by_name()}
        self._tallies = {
            part: {
                name: ClassTally(
                    label, (self._strict[name], self._loose[name]), distance_m=limits_m
                )
                for label, name in enumerate(classes)
            }
            for part, limits_m in ranges.items()
        }
        self._operating = OperatingTally(classes, thresholds)

    def find(self, truth: Sequence[GroundTruth], found: Sequence[Detections]) -> None:
        """First pass over some clouds."""
        part = LabelledFrames.of(truth, found)
        for tally in self._each():
            tally.find(part)
        self._operating.add(truth, found)

    def count(self, truth: Sequence[GroundTruth], found: Sequence[Detections]) -> None:
        """Second pass over some clouds."""
        part = LabelledFrames.of(truth, found)
        for tally in self._each():
            tally.count(part)

    def accuracy(self, name: str, agreement: ClassAgreement) -> Accuracy:
        """What came out; ``name`` is the model's."""
        return Accuracy(
            strict=self._scores(self._strict),
            loose=self._scores(self._loose),
            curves={
                each: tally.bev_curve(self._loose[each], name)
                for each, tally in self._tallies[ALL_RANGES].items()
            },
            agreement=agreement,
            operating_point=self._operating.scores(),
        )

    def _each(self) -> Iterator[ClassTally]:
        for row in self._tallies.values():
            yield from row.values()

    def _scores(self, min_iou: dict[str, float]) -> dict[str, dict[str, ClassScores]]:
        return {
            part: {name: tally.scores(min_iou[name]) for name, tally in row.items()}
            for part, row in self._tallies.items()
        }
