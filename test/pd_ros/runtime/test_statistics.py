import dataclasses
import threading
import time

import pytest

from pd_ros.runtime.statistics import Counts, Statistics, Throttle


def test_a_new_node_has_counted_nothing() -> None:
    assert Statistics().read() == Counts()
    assert dict(Counts().rejected) == {}


def test_each_count_goes_up_by_what_is_added() -> None:
    statistics = Statistics()
    statistics.add(received=3)
    statistics.add(received=1, dropped=2, failed=4, clipped=500)
    statistics.add(dropped=1)
    statistics.reject("no x")
    statistics.reject("no x")
    statistics.reject("big endian")
    statistics.note("lost", 3)
    statistics.note("lost")
    statistics.answer(12.5, 7)
    statistics.answer(8.25, 0)
    assert statistics.read() == Counts(
        received=4,
        processed=2,
        failed=4,
        dropped=3,
        clipped_points=500,
        rejected={"no x": 2, "big endian": 1},
        events={"lost": 4},
        boxes=7,
        last_latency_ms=8.25,
        last_boxes=0,
    )


def test_what_was_read_stays_as_it_was_and_cannot_be_changed() -> None:
    statistics = Statistics()
    statistics.reject("early")
    before = statistics.read()
    statistics.reject("early")
    statistics.reject("late")
    statistics.add(received=1)
    assert (before.received, dict(before.rejected)) == (0, {"early": 1})
    with pytest.raises(TypeError):
        before.rejected["early"] = 5
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.received = 5


def test_nothing_is_lost_between_threads(monkeypatch) -> None:
    """Everybody else gets a turn in the middle of each change."""

    def slow_replace(counts: Counts, **changes: object) -> Counts:
        time.sleep(0.0005)
        return dataclasses.replace(counts, **changes)

    monkeypatch.setattr("pd_ros.runtime.statistics.replace", slow_replace)
    statistics = Statistics()

    def count() -> None:
        for _ in range(25):
            statistics.add(received=1, clipped=2)
            statistics.answer(1.0, 1)
            statistics.reject("bad")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = statistics.read()
    assert (counts.received, counts.processed, counts.clipped_points) == (100, 100, 200)
    assert counts.rejected["bad"] == 100


def test_throttle_says_a_thing_once_in_a_period() -> None:
    throttle = Throttle(5.0)
    times = (0.0, 1.0, 4.99, 5.0, 9.0, 10.0)
    assert [throttle.allows("a", now) for now in times] == [True, False, False, True, False, True]


def test_throttle_keeps_keys_apart() -> None:
    throttle = Throttle(5.0)
    assert throttle.allows("a", 100.0)
    assert throttle.allows("b", 100.0)
    assert not throttle.allows("a", 101.0)


def test_what_was_not_allowed_does_not_prolong_the_period() -> None:
    throttle = Throttle(1.0)
    assert [throttle.allows("a", now) for now in (0.0, 0.9, 1.1)] == [True, False, True]
