"""Matching of boxes with boxes and average precision by the rule of the KITTI benchmark.

The one implementation of the rule for every front end (``kitti.py``, ``lidar.py``): what counts,
what is ignored and how boxes overlap is decided there and handed over as :class:`MatchFrame`.

The rule, after A. Geiger et al., "Are we ready for autonomous driving?", CVPR 2012, and the
benchmark's development kit: ground truth is visited in its order; a pair needs an IoU *greater*
than the threshold. A first pass gives each ground truth the free detection of the highest score;
the scores so found, walked down, give at most 41 score thresholds near recalls 0, 1/40, ... 1 (and
no more than there are objects: fewer than 41 objects never reach 100 %). A second pass, for each
threshold, gives each ground truth the free detection of the largest IoU. What touches something
ignored counts neither as right nor as wrong.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RECALL_SLOTS = 41


class MatchFrame(NamedTuple):
    """One frame as one class at one difficulty sees it: G ground truths, D detections."""

    iou: Floats  # [G, D]
    scores: Floats  # [D]
    truth_ignored: Bools  # [G] may take a detection, is never missed
    detection_ignored: Bools  # [D] may be taken if nothing better is there, is never wrong
    detection_excused: Bools  # [D] not wrong if nobody takes it
    heading_similarity: Floats  # [G, D] in [0, 1]; what a right detection is worth for AOS


class MatchCounts(NamedTuple):
    """Matches at each of T score thresholds."""

    true_positives: Floats  # [T]
    false_positives: Floats  # [T]
    missed: Floats  # [T]
    similarity: Floats  # [T] sum of the heading similarity over the true positives


class Curve(NamedTuple):
    """Score thresholds by falling score, at most 41 (none if nothing matches), and the counts."""

    thresholds: Floats  # [T]
    counts: MatchCounts

    @property
    def precision(self) -> Floats:
        """Precision ``[41]`` at recalls 0, 1/40, ... 1, the best at this recall or above it."""
        return self._slots(self.counts.true_positives)

    @property
    def orientation_similarity(self) -> Floats:
        """As ``precision``, each right detection worth its heading similarity: AOS' curve."""
        return self._slots(self.counts.similarity)

    def _slots(self, worth: Floats) -> Floats:
        found = self.counts.true_positives + self.counts.false_positives
        slots = np.zeros(RECALL_SLOTS)
        slots[: len(worth)] = worth / np.maximum(found, 1)
        return np.maximum.accumulate(slots[::-1])[::-1]


def average_r40(slots: Floats) -> float:
    """Mean in percent of the 40 slots above recall 0."""
    return 100 * float(slots[1:].mean())


def average_r11(slots: Floats) -> float:
    """Mean in percent of every fourth slot, from recall 0 on: the older 11-point rule."""
    return 100 * float(slots[::4].mean())


def best_threshold(curve: Curve) -> float:
    """Return the score threshold of the highest F1; 0 where nothing matches."""
    if len(curve.thresholds) == 0:
        return 0.0
    right, wrong, missed, _ = curve.counts
    f1 = 2 * right / np.maximum(2 * right + wrong + missed, 1)
    return float(curve.thresholds[np.argmax(f1)])


def reachable_r40(num_truth: int) -> float:
    """Return the AP in percent over 40 recalls of so many objects that are all found rightly.

    They fill as many of the 41 slots as there are objects, and the one at recall 0 does not count.
    """
    return 100 * min(max(num_truth - 1, 0), RECALL_SLOTS - 1) / (RECALL_SLOTS - 1)


def precision_curve(frames: Sequence[MatchFrame], min_iou: float) -> Curve:
    """Both passes over all frames; no frames or no matches give a curve without thresholds."""
    tally = CurveTally(min_iou)
    tally.find(frames)
    tally.count(frames)
    return tally.curve


class CurveTally:
    """Both passes over frames that come in parts: all parts to ``find``, then all to ``count``.

    Kept are sums, and the score of each match. ``at``: a score threshold that is counted beside
    those of the curve.
    """

    def __init__(self, min_iou: float, at: float = 0.0) -> None:
        self.num_truth = 0
        self._min_iou = min_iou
        self._at = at
        self._scores: list[Floats] = []
        self._totals = np.zeros((4, 0))

    def find(self, frames: Sequence[MatchFrame]) -> None:
        """First pass over some frames."""
        self.num_truth += sum(int((~frame.truth_ignored).sum()) for frame in frames)
        scores = [score for frame in frames for score in _matched_scores(frame, self._min_iou)]
        self._scores.append(np.array(scores, np.float64))

    def count(self, frames: Sequence[MatchFrame]) -> None:
        """Second pass over some frames."""
        thresholds = np.append(self._thresholds, self._at)
        if not self._totals.size:
            self._totals = np.zeros((4, len(thresholds)))
        for frame in frames:
            self._totals += _count_frame(frame, thresholds, self._min_iou)

    @property
    def curve(self) -> Curve:
        """The curve, once all frames are counted."""
        totals = self._totals[:, :-1] if self._totals.size else np.zeros((4, 0))
        return Curve(self._thresholds, MatchCounts(*totals))

    @property
    def at(self) -> MatchCounts:
        """Counts at the threshold beside the curve: ``[1]`` each."""
        return MatchCounts(*(self._totals[:, -1:] if self._totals.size else np.zeros((4, 1))))

    @cached_property
    def _thresholds(self) -> Floats:
        """Read first when nothing more is to be found."""
        scores = np.concatenate([np.zeros(0), *self._scores])
        self._scores.clear()
        return _recall_thresholds(scores, self.num_truth)


def _matched_scores(frame: MatchFrame, min_iou: float) -> list[float]:
    near = frame.iou > min_iou
    free = np.ones(len(frame.scores), dtype=bool)
    found = []
    for truth in np.flatnonzero(near.any(axis=1)):
        candidates = np.flatnonzero(near[truth] & free)
        if len(candidates) == 0:
            continue
        best = candidates[np.argmax(frame.scores[candidates])]
        free[best] = False
        if not (frame.truth_ignored[truth] or frame.detection_ignored[best]):
            found.append(float(frame.scores[best]))
    return found


def _recall_thresholds(scores: Floats, num_truth: int) -> Floats:
    falling = np.sort(scores)[::-1]
    kept = []
    wanted_recall = 0.0
    for rank, score in enumerate(falling):
        here = (rank + 1) / num_truth
        following = (rank + 2) / num_truth
        last = rank == len(falling) - 1
        if not last and following - wanted_recall < wanted_recall - here:
            continue
        kept.append(score)
        wanted_recall += 1 / (RECALL_SLOTS - 1)
    return np.array(kept)


def _count_frame(frame: MatchFrame, thresholds: Floats, min_iou: float) -> Floats:
    """Counts of one frame, all thresholds at once: ``[4, T]`` in the order of ``MatchCounts``."""
    near = frame.iou > min_iou
    free = frame.scores[None, :] >= thresholds[:, None]  # [T, D]
    right, similarity = np.zeros(len(thresholds)), np.zeros(len(thresholds))
    reached = near.any(axis=1)
    missed = np.full(len(thresholds), float((~reached & ~frame.truth_ignored).sum()))
    for truth in np.flatnonzero(reached):
        ranked = _ranked_candidates(frame, near[truth], int(truth))
        available = free[:, ranked]
        hit = available.any(axis=1)
        chosen = ranked[available.argmax(axis=1)]  # [T], meaningful where hit
        free[hit, chosen[hit]] = False
        if frame.truth_ignored[truth]:
            continue
        missed += ~hit
        counts = hit & ~frame.detection_ignored[chosen]
        right += counts
        similarity += counts * frame.heading_similarity[truth, chosen]
    wrong = (free & ~(frame.detection_ignored | frame.detection_excused)).sum(axis=1)
    return np.stack((right, wrong, missed, similarity))


def _ranked_candidates(frame: MatchFrame, near: Bools, truth: int) -> NDArray[np.intp]:
    """Proper detections by falling IoU, then ignored ones in their order."""
    candidates = np.flatnonzero(near)
    ignored = frame.detection_ignored[candidates]
    overlap = np.where(ignored, 0.0, frame.iou[truth, candidates])
    return candidates[np.lexsort((-overlap, ignored))]
