"""Judge each cloud of a recording, and keep the ones worth a picture."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.operating_point import above_thresholds
from pd_ros.detection.types import Detections
from pd_ros.evaluation.agreement import count_agreement, disagreement, pair_boxes, teacher_truth
from pd_ros.evaluation.agreement_sums import Agreement
from pd_ros.evaluation.kitti.view import CameraView, within_view
from pd_ros.evaluation.lidar import GroundTruth, centre_in_range
from pd_ros.pointcloud.decode import Float32
from pd_ros.recordings.labels import ground_truth
from pd_ros.recordings.sources import Sweep
from pd_ros.replay.labelled_detector import Timed

ClassAgreement = dict[str, tuple[Agreement, ...]]  # by class, one for each range


class Reference(NamedTuple):
    """What the boxes of one cloud are measured by: labels, or a teacher's boxes."""

    truth: GroundTruth
    scores: Tensor  # [M] of the teacher; 1 for labels

    @classmethod
    def labels(cls, truth: GroundTruth) -> "Reference":
        """Return labels as a reference."""
        return cls(truth, torch.ones(len(truth.labels)))


class ModelAnswer(NamedTuple):
    """What one model said to one cloud."""

    found: Detections  # all of them, where the reference can judge them
    latency_s: float
    agreement: ClassAgreement | None  # of the confident ones; None without a reference
    disagreement: float  # 0 without a reference
    not_finite: int = 0  # values of the network that are not finite


class FrameResult(NamedTuple):
    """One cloud, with the answers of all models in their order."""

    frame: str  # the file's stem, or the stamp in nanoseconds
    recorded_s: float  # since the first cloud
    reference: Reference | None
    answers: tuple[ModelAnswer, ...]

    @property
    def disagreement(self) -> float:
        """Of all models together."""
        return sum(answer.disagreement for answer in self.answers)


class PicturedFrame(NamedTuple):
    """A frame to look at, with its points."""

    recording: str
    result: FrameResult
    points: Float32  # [N, 4]


@dataclass(frozen=True)
class FrameJudge:
    """The same for all frames; ``ranges_m`` are the models', asked for is what lies in all."""

    classes: tuple[str, ...]
    ranges_m: tuple[Sequence[float], ...]
    thresholds: tuple[tuple[float, ...], ...]  # of each model, by class

    def labels(self, sweep: Sweep) -> Reference | None:
        """Return the labels of a sweep, as ``lidar.py`` asks for them; None if it has none."""
        if sweep.truth is None:
            return None
        truth = ground_truth(sweep.truth, sweep.points, self.classes, self.ranges_m[0])
        for range_m in self.ranges_m[1:]:
            truth = truth._replace(ignore=truth.ignore | ~centre_in_range(truth.boxes, range_m))
        truth, _ = within_view(truth, Detections.empty(), sweep.view)
        return Reference.labels(truth)

    def teacher(
        self, found: Detections, range_m: Sequence[float], thresholds: Sequence[float]
    ) -> Reference:
        """Return a teacher's boxes as a reference; ``range_m`` is where the teacher looks.

        Asked for are those from ``thresholds`` on, by class.
        """
        ranges_m = (*self.ranges_m, range_m)
        # Boxes of no common class (-1) are never asked for, whatever their threshold.
        least = found.scores.new_tensor([*thresholds, 0.0])[found.labels]
        return Reference(teacher_truth(found, ranges_m, least), found.scores)

    def answer(
        self, number: int, timed: Timed, reference: Reference | None, view: CameraView | None
    ) -> ModelAnswer:
        """Compare what a model found with the reference, where it was labelled.

        ``number``: of the model; ``view``: None where all around was labelled.
        """
        found, not_finite = timed.result.detections, timed.result.not_finite
        found = found.select(found.labels >= 0)
        if reference is None:
            return ModelAnswer(found, timed.latency_s, None, 0.0, not_finite)
        truth, scores = reference
        _, found = within_view(truth, found, view)
        confident = above_thresholds(found, self.thresholds[number])
        pairs = pair_boxes(confident, truth, self.classes)
        table = count_agreement(confident, truth, scores, pairs, self.classes)
        differing = disagreement(confident, scores, pairs)
        return ModelAnswer(found, timed.latency_s, table, differing, not_finite)


KEPT = 4  # of each kind


class ChosenFrames(NamedTuple):
    """At most :data:`KEPT` frames of each kind, the most telling first; no frame is in two."""

    worst: tuple[PicturedFrame, ...]
    best: tuple[PicturedFrame, ...]
    others: tuple[PicturedFrame, ...]  # without a reference


def choose_frames(frames: Iterable[PicturedFrame]) -> ChosenFrames:
    """Choose frames; of none, none.

    The worst are those of the largest disagreement (see ``agreement.disagreement``), the best
    those with the most boxes in common, less their disagreement. Ties: the earlier one.
    """
    all_frames = list(frames)
    judged = [frame for frame in all_frames if frame.result.reference is not None]
    others = [frame for frame in all_frames if frame.result.reference is None]
    worst = sorted(judged, key=lambda frame: -frame.result.disagreement)
    worst = [frame for frame in worst if frame.result.disagreement > 0][:KEPT]
    taken = {id(frame) for frame in worst}
    best = sorted(judged, key=lambda frame: -_rightness(frame.result))
    best = [frame for frame in best if id(frame) not in taken and _matched(frame.result)]
    return ChosenFrames(tuple(worst), tuple(best[:KEPT]), tuple(others[:KEPT]))


def merge_frames(
    kept: ChosenFrames, more: Iterable[PicturedFrame], recordings: Sequence[str]
) -> ChosenFrames:
    """Choose among what was chosen and the frames of another recording.

    The same comes out in whatever order the recordings come: ties are decided by ``recordings``.
    """
    place = {name: number for number, name in enumerate(recordings)}
    frames = [*kept.worst, *kept.best, *kept.others, *more]
    return choose_frames(sorted(frames, key=lambda f: (place[f.recording], f.result.recorded_s)))


class FrameKeeper:
    """Keeps only the frames that may be chosen in the end, as their points are large.

    ``every``: of frames without a reference, one in so many is kept.
    """

    def __init__(self, every: int) -> None:
        self._every = max(1, every)
        self._offered = 0
        self._kept: tuple[PicturedFrame, ...] = ()

    def offer(self, frame: PicturedFrame) -> None:
        """Look at one more frame."""
        if frame.result.reference is not None or self._offered % self._every == 0:
            chosen = choose_frames((*self._kept, frame))
            self._kept = chosen.worst + chosen.best + chosen.others
        self._offered += 1

    def frames(self) -> tuple[PicturedFrame, ...]:
        """Return those kept, in the order of the recording."""
        return tuple(sorted(self._kept, key=lambda frame: frame.result.recorded_s))


def _matched(result: FrameResult) -> int:
    tables = [answer.agreement or {} for answer in result.answers]
    return sum(part.matched for table in tables for row in table.values() for part in row)


def _rightness(result: FrameResult) -> float:
    return _matched(result) - result.disagreement
