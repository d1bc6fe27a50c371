"""What a real-time run would have dropped, by hand and against the worker's rule step by step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.evaluate_recording.summary import simulate_real_time


def test_fast_enough_drops_nothing() -> None:
    run = simulate_real_time([0.0, 0.1, 0.2], [0.05, 0.09, 0.02])
    assert (run.clouds, run.dropped, run.answered) == (3, 0, (0, 1, 2))
    assert run.age_ms == pytest.approx((50, 90, 20))
    assert run.rate_hz == pytest.approx(10)


def test_slow_takes_the_newest_when_it_is_free() -> None:
    """0.25 s each at 10 Hz: 0 runs to 0.25, then 2 (1 dropped) to 0.5, then 5 (3, 4 dropped)."""
    run = simulate_real_time([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], [0.25] * 6)
    assert run.answered == (0, 2, 5)
    assert run.dropped == 3
    assert run.age_ms == pytest.approx((250, 300, 250))


def test_one_slow_cloud_ages_the_next_and_no_other() -> None:
    run = simulate_real_time([0.0, 1.0, 2.0, 3.0], [0.1, 1.5, 0.1, 0.1])
    assert run.answered == (0, 1, 2, 3)
    assert run.age_ms == pytest.approx((100, 1500, 600, 100))


def test_no_clouds_and_one() -> None:
    assert simulate_real_time([], []) == (0, 0.0, (), ())
    assert simulate_real_time([7.0], [9.0])[:3] == (1, 0.0, (0,))


def test_clouds_at_the_same_moment_leave_the_last() -> None:
    run = simulate_real_time([0.0, 0.0, 0.0], [0.1] * 3)
    assert run.answered == (2,)
    assert run.rate_hz == 0


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(1, 900)), min_size=1, max_size=30))
def test_is_what_a_mailbox_of_one_slot_does(rows) -> None:
    came = np.cumsum([step for step, _ in rows]).tolist()
    latency = [takes for _, takes in rows]
    answered, slot, free = [], None, -1
    for now in range(came[-1] + 2000):  # every millisecond: clouds first, then the worker
        if now in came:
            slot = came.index(now)
        if slot is not None and now >= free:
            answered.append(slot)
            free, slot = now + latency[slot], None
    run = simulate_real_time([1.0 * t for t in came], [1.0 * t for t in latency])
    assert list(run.answered) == answered
