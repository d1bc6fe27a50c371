"""Sweeps of a vehicle that drives ahead, joined where it is now."""

import numpy as np
import pytest

from pd_ros.runtime.sweeps import PlacedSweep, SweepBuffer
from pd_ros.runtime.transforms import rigid

STEP_NS = 100_000_000
STILL = (0.0, 0.0, 0.0, 1.0)


def sweep(number: int, stamp_ns: int | None = None) -> PlacedSweep:
    """One metre ahead per sweep past a post that stands still at x = 20."""
    points = np.float32([[20 - number, 1, 0, 0.1 * number]])
    stamp_ns = number * STEP_NS if stamp_ns is None else stamp_ns
    return PlacedSweep(points, stamp_ns, rigid((number, 0, 0), STILL))


def test_what_stands_still_is_at_one_place_with_its_ages() -> None:
    buffer = SweepBuffer(3)
    for number in range(4):
        joined = buffer.join(sweep(number), max_gap_s=0.3)
    np.testing.assert_allclose(joined[:, 0], 17)
    np.testing.assert_allclose(joined[:, 3], [0.3, 0.2, 0.1])
    np.testing.assert_allclose(joined[:, 4], [0, 0.1, 0.2])


@pytest.mark.parametrize("stamp", [0, STEP_NS, 5 * STEP_NS], ids=["back", "the same", "a gap"])
def test_begins_anew_when_time_does_not_go_on(stamp) -> None:
    buffer = SweepBuffer(5)
    buffer.join(sweep(0), 0.3)
    buffer.join(sweep(1), 0.3)
    assert len(buffer.join(sweep(2, stamp), 0.3)) == 1
    assert len(buffer.join(sweep(3, stamp + STEP_NS), 0.3)) == 2


def test_one_sweep_stays_alone() -> None:
    buffer = SweepBuffer(1)
    assert [len(buffer.join(sweep(i), 0.3)) for i in range(3)] == [1, 1, 1]
