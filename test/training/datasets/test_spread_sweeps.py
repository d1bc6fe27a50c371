"""A few sweeps of many, evenly over all recordings."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.datasets.spread_sweeps import spread_sweeps


class Numbers:
    """A source whose sweeps are their numbers."""

    def __init__(self, first: int, count: int) -> None:
        self.count = count
        self._first = first

    def sweeps(self):
        return iter(range(self._first, self._first + self.count))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=4), st.integers(1, 30))
def test_sweeps_are_spread_evenly(counts, most) -> None:
    starts = np.cumsum([0, *counts[:-1]]).tolist()
    sources = [Numbers(start, count) for start, count in zip(starts, counts, strict=True)]
    taken = list(spread_sweeps(sources, most))
    total = sum(counts)
    assert len(taken) == min(total, most)
    gaps = np.diff([*taken, total])
    assert total == 0 or gaps.max() - gaps.min() <= max(1, total // most)
    assert taken == sorted(set(taken))
