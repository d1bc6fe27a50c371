"""The user's own clouds: evenly over all recordings, and without labels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_recording import drive, write_clouds

from training.adapt.own_clouds import Taken, open_recordings, spread_sweeps, write_own
from training.config.run import SourceConfig
from training.datasets.source import open_source

AS_THEY_ARE = Taken(None, 1.0)


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


def test_they_are_read_as_sweeps_that_nobody_labelled(tmp_path) -> None:
    bag = write_clouds(tmp_path / "drive", drive(3))
    sources = open_recordings([bag], AS_THEY_ARE)
    assert write_own(tmp_path / "own", sources) == 3
    assert write_own(tmp_path / "own", sources) == 3
    frames = open_source(SourceConfig(path=str(tmp_path / "own"), labelled=False), ["car"])
    assert not frames[0].labelled and len(frames[0].points) > 0
    plain = open_source(SourceConfig(path=str(tmp_path / "own")), ["car"])
    assert not plain[0].labelled


def test_a_recording_that_is_none_is_refused_at_once(tmp_path) -> None:
    with pytest.raises(ValueError, match="found nothing"):
        open_recordings([tmp_path / "absent.mcap"], AS_THEY_ARE)
