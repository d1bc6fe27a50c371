"""Best and worst frames."""

from itertools import permutations

import numpy as np
import torch

from pd_ros.detection.types import Detections
from pd_ros.evaluate_recording.frames import (
    KEPT,
    FrameKeeper,
    FrameResult,
    ModelAnswer,
    PicturedFrame,
    Reference,
    choose_frames,
)
from pd_ros.evaluation.agreement_sums import Agreement
from pd_ros.evaluation.lidar import GroundTruth

NOTHING = Reference.labels(
    GroundTruth(torch.zeros(0, 7), torch.zeros(0, dtype=torch.int64), torch.zeros(0).bool())
)


def frame(
    name: str, matched: int, disagreement: float, reference: Reference | None = NOTHING
) -> PicturedFrame:
    table = {"car": (Agreement(matched=matched),)}
    answer = ModelAnswer(Detections.empty(), 0.1, table, disagreement)
    result = FrameResult(name, 0.0, reference, (answer,))
    return PicturedFrame("drive", result, np.zeros((0, 4), np.float32))


def names(frames) -> list[str]:
    return [f.result.frame for f in frames]


def test_worst_first_and_best_first_and_none_twice() -> None:
    frames = [frame(f"{i}", matched=10 - i, disagreement=float(i)) for i in range(11)]
    chosen = choose_frames(frames)
    assert names(chosen.worst) == ["10", "9", "8", "7"]
    assert names(chosen.best) == ["0", "1", "2", "3"]
    few = choose_frames(frames[:3])
    assert names(few.worst) == ["2", "1"]  # nothing is wrong in frame 0
    assert names(few.best) == ["0"]


def test_an_empty_frame_is_neither_good_nor_bad() -> None:
    assert choose_frames([frame("empty", 0, 0.0)]) == ((), (), ())


def test_keeping_some_chooses_as_keeping_all() -> None:
    numbers = [(3, 5.0), (9, 0.5), (0, 7.0), (2, 2.0), (8, 8.0), (1, 0.1)]
    numbers += [(7, 3.0), (6, 4.0), (5, 0.0), (4, 1.0)]
    frames = [frame(f"{i}", *pair) for i, pair in enumerate(numbers)]
    wanted = choose_frames(frames)
    for order in list(permutations(frames))[::40_000]:
        keeper = FrameKeeper(1)
        for one in order:
            keeper.offer(one)
        kept = choose_frames(keeper.frames())
        assert (names(kept.worst), names(kept.best)) == (names(wanted.worst), names(wanted.best))
        assert len(keeper.frames()) <= 2 * KEPT


def test_without_a_reference_every_nth_is_kept() -> None:
    keeper = FrameKeeper(3)
    for number in range(20):
        keeper.offer(frame(f"{number}", 0, 0.0, None))
    assert names(choose_frames(keeper.frames()).others) == ["0", "3", "6", "9"]
