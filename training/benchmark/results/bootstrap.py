"""How sure a difference of two rows is: bootstrap over seeds and sweeps, Holm's correction."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.benchmark.jobs.frame_counts import FrameCounts, average_precision

DRAWS = 2000
CONFIDENCE = 0.95
_SEED = 20261130

Floats = NDArray[np.float64]


class Difference(NamedTuple):
    """A mean difference with its interval, and the chance of one as far from 0 by luck."""

    mean: float
    low: float
    high: float
    p_value: float  # two-sided, at least 1 / (draws + 1)


def draw_frames(frames: int, draws: int = DRAWS) -> Floats:
    """How often each sweep comes in each draw: ``[draws, frames]``; the same for every row."""
    rng = np.random.default_rng((_SEED, frames))
    equal = np.full(frames, 1 / frames)
    counts: Floats = rng.multinomial(frames, equal, size=draws).astype(np.float64)
    return counts


def resampled_ap(counts: Sequence[FrameCounts], weights: Floats) -> Floats:
    """AP of every seed in every draw of sweeps: ``[S, draws]``."""
    return np.stack([average_precision(each, weights) for each in counts])


def compare(row: Floats, than: Floats, mean: float) -> Difference:
    """Compare two rows ``[S, draws]`` of the same seeds, S at least 2, of the same sweeps.

    In each draw of sweeps seeds are drawn, too, in pairs. The interval is the one of the
    percentiles, moved so that it lies around ``mean``, the difference as it was measured.
    """
    seeds, draws = row.shape
    rng = np.random.default_rng((_SEED, seeds, draws))
    chosen = rng.integers(seeds, size=(seeds, draws))
    drawn = np.take_along_axis(row - than, chosen, axis=0).mean(axis=0)
    drawn += mean - drawn.mean()
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p_value = min(1.0, 2 * (beyond + 1) / (draws + 1))
    return Difference(mean, float(low), float(high), p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values after Holm's correction for their number, in their order (Holm 1979).

    The least is multiplied by how many there are, the next by one less, and none is less than
    one before it; at most 1.
    """
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected
