"""Which frames are worth a look: where detectors were most wrong, and where most right."""

from collections.abc import Iterable
from typing import NamedTuple

from pd_ros.replay.frame_result import FrameResult, PicturedFrame

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


class FrameKeeper:
    """Keeps only the frames that may be chosen in the end, as their points are large.

    ``every``: of frames without a reference, one in so many is kept.
    """

    def __init__(self, every: int) -> None:
        self._every = every
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
