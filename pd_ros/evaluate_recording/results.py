"""What is known of a recording after the run over it: sums and times, not the clouds."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd_ros.detection.operating_point import above_thresholds
from pd_ros.evaluate_recording.frames import (
    ClassAgreement,
    FrameResult,
    ModelAnswer,
    PicturedFrame,
)


class ModelSums(NamedTuple):
    """One model over one recording of F clouds."""

    latency_s: NDArray[np.float64]  # [F]
    agreement: ClassAgreement  # of all measured clouds; empty where none is
    boxes: tuple[int, ...]  # confident ones, by class
    not_finite: int  # clouds to which the network answered values that are not finite


class RecordingResult(NamedTuple):
    """One recording of F clouds, of which M are measured."""

    name: str
    path: Path | str
    recorded_s: NDArray[np.float64]  # [F] when each cloud came, since the first one
    models: tuple[ModelSums, ...]
    box_counts: NDArray[np.uint32]  # [M, 1 + models], of the rows in ``boxes``
    boxes: Path  # the file, see ``stored_boxes.py``
    pictured: tuple[PicturedFrame, ...]  # some to look at
    label_names: Counter[str]  # how many labels have each; of none where a teacher measures
    thresholds: tuple[tuple[float, ...], ...]  # of each model, by class
    remarks: tuple[str, ...] = ()  # what is odd about its clouds, and what was left out

    @property
    def clouds(self) -> int:
        """How many there are."""
        return len(self.recorded_s)


class RunningSums:
    """Adds clouds up, one after the other."""

    def __init__(self, thresholds: Sequence[Sequence[float]]) -> None:
        self._recorded_s: list[float] = []
        self._models = [_RunningModel(each) for each in thresholds]

    def add(self, frame: FrameResult) -> None:
        """Add one cloud."""
        self._recorded_s.append(frame.recorded_s)
        for model, answer in zip(self._models, frame.answers, strict=True):
            model.add(answer)

    def recorded_s(self) -> NDArray[np.float64]:
        """When each cloud came: ``[F]``."""
        return np.array(self._recorded_s, np.float64)

    def models(self) -> tuple[ModelSums, ...]:
        """The sums of each model."""
        return tuple(model.sums() for model in self._models)


class _RunningModel:
    def __init__(self, thresholds: Sequence[float]) -> None:
        self._thresholds = thresholds
        self._latency_s: list[float] = []
        self._agreement: ClassAgreement = {}
        self._boxes = np.zeros(len(thresholds), np.int64)
        self._not_finite = 0

    def add(self, answer: ModelAnswer) -> None:
        self._latency_s.append(answer.latency_s)
        if answer.agreement is not None:
            self._agreement = add_agreement(self._agreement, answer.agreement)
        labels = above_thresholds(answer.found, self._thresholds).labels.numpy()
        self._boxes += np.bincount(labels, minlength=len(self._boxes))
        self._not_finite += answer.not_finite > 0

    def sums(self) -> ModelSums:
        boxes = tuple(self._boxes.tolist())
        latency_s = np.array(self._latency_s, np.float64)
        return ModelSums(latency_s, self._agreement, boxes, self._not_finite)


def add_agreement(sums: ClassAgreement, more: ClassAgreement) -> ClassAgreement:
    """Add tables class by class and range by range; an empty one adds nothing."""
    if not (sums and more):
        return sums or more
    return {
        name: tuple(a + b for a, b in zip(row, more[name], strict=True))
        for name, row in sums.items()
    }
