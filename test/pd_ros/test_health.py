"""What the counts of a period say."""

import pytest

from pd_ros.health import Level, judge
from pd_ros.statistics import Counts

GOOD = Counts(received=10, processed=10)


@pytest.mark.parametrize(
    ("before", "now", "publishers", "level", "text"),
    [
        (Counts(), GOOD, 1, Level.OK, "detecting"),
        (GOOD, GOOD, 1, Level.STALE, "no cloud came"),
        (Counts(), Counts(), 0, Level.STALE, "no publisher"),
        (Counts(), Counts(received=10, processed=10, failed=2), 1, Level.ERROR, "2 clouds made"),
        (Counts(), Counts(received=3, rejected={"short data": 3}), 1, Level.ERROR, "short data"),
        (Counts(), Counts(received=9, processed=9, clipped_points=7), 1, Level.WARN, "7 points"),
        (Counts(), Counts(received=9, processed=3, dropped=6), 1, Level.WARN, "6 of 9"),
        (Counts(), Counts(received=9, processed=5, dropped=4), 1, Level.OK, "detecting"),
    ],
)
def test_the_worst_is_said(before, now, publishers, level, text) -> None:
    health = judge(before, now, publishers)
    assert health.level == level
    assert text in health.text


def test_what_is_long_past_is_not_said_again() -> None:
    past = Counts(received=5, processed=4, failed=1, rejected={"no field z": 1})
    later = Counts(received=9, processed=8, failed=1, rejected={"no field z": 1})
    health = judge(past, later, 1)
    assert health.level == Level.OK
    assert health.values["rejected, no field z"] == 1
    assert health.values["failed"] == 1
