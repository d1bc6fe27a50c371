"""What the figures of a period say."""

from dataclasses import replace

import pytest
from default_settings import default_settings

from pd_ros.detection.not_finite import NOT_FINITE
from pd_ros.runtime.diagnostics.silence import Input, Publisher, RosTime
from pd_ros.runtime.diagnostics.status import (
    AGE,
    LATENCY,
    Level,
    judge_clouds,
    judge_detector,
    judge_output,
)
from pd_ros.runtime.statistics import Counts, Percentiles

GOOD = Counts(received=10, processed=10)
HEARD = Input([Publisher("/driver")])
NO_CLOCK = HEARD._replace(time=RosTime(0, simulated=True), ahead_s=1.7e9)
LIMIT = default_settings().diagnostics


@pytest.mark.parametrize(
    ("now", "seen", "limit", "level", "text"),
    [
        (GOOD, HEARD, LIMIT, Level.OK, "clouds come in"),
        (Counts(), HEARD._replace(silent_s=1.5), LIMIT, Level.STALE, "no cloud for 1.5 s"),
        (
            Counts(),
            HEARD._replace(silent_s=1.5),
            replace(LIMIT, timeout_s=2),
            Level.OK,
            "clouds come in",
        ),
        (Counts(), Input([]), LIMIT, Level.STALE, "no publisher"),
        (Counts(received=3, rejected={"short data": 3}), HEARD, LIMIT, Level.ERROR, "short data"),
        (Counts(received=9, events={"lost on the way": 2}), HEARD, LIMIT, Level.WARN, "2 clouds"),
        (
            GOOD,
            HEARD._replace(period_s=2),
            replace(LIMIT, min_rate_hz=8),
            Level.WARN,
            "5.0 clouds a sec",
        ),
        (GOOD, HEARD._replace(ahead_s=37), LIMIT, Level.WARN, "stamps up to 37.0 s in the future"),
        (GOOD, HEARD._replace(ahead_s=0.1), LIMIT, Level.OK, "clouds come in"),
        (GOOD, NO_CLOCK, LIMIT, Level.WARN, "use_sim_time is set and no /clock has come"),
    ],
)
def test_the_worst_about_the_clouds_is_said(now, seen, limit, level, text) -> None:
    health = judge_clouds(Counts(), now, seen, {}, limit)
    assert health.level == level
    assert text in health.text


@pytest.mark.parametrize(
    ("now", "busy_s", "p95", "level", "text"),
    [
        (GOOD, 0, 50, Level.OK, "detecting"),
        (Counts(received=10, failed=2), 0, 0, Level.ERROR, "2 clouds made"),
        (GOOD, 7, 0, Level.ERROR, "in work since 7 s"),
        (Counts(received=9, clipped_points=7), 0, 0, Level.WARN, "7 points"),
        (
            Counts(received=9, clipped_points=7, events={"beyond capacity.max_points": 7}),
            0,
            0,
            Level.WARN,
            "7 points exceeded capacity.max_points; thinned out evenly",
        ),
        (Counts(received=9, processed=3, dropped=6), 0, 0, Level.WARN, "6 of 9"),
        (Counts(received=9, processed=5, dropped=4), 0, 0, Level.OK, "detecting"),
        (Counts(events={NOT_FINITE: 3}), 0, 0, Level.ERROR, f"{NOT_FINITE}, 3 times"),
        (Counts(received=9, events={"out of memory": 1}), 0, 0, Level.ERROR, "out of memory, 1 t"),
        (Counts(received=9, events={"single sweep": 4}), 0, 0, Level.WARN, "single sweep, 4"),
        (Counts(events={"worker restarted": 1, "single sweep": 1}), 0, 0, Level.ERROR, "worker"),
        (GOOD, 0, 150, Level.WARN, "p95 of the latency is 150 ms, above diagnostics.latency_bud"),
        (GOOD, 0, 250, Level.ERROR, "above diagnostics.latency_error_ms (200)"),
    ],
)
def test_the_worst_about_the_detector_is_said(now, busy_s, p95, level, text) -> None:
    timings = {LATENCY: Percentiles(p95 / 2, p95, p95)}
    health = judge_detector(Counts(), now, busy_s, timings, LIMIT)
    assert health.level == level
    assert text in health.text


def test_what_is_long_past_is_not_said_again() -> None:
    past = Counts(received=5, failed=1, rejected={"no field z": 1}, events={"no transform": 3})
    later = Counts(received=9, failed=1, rejected={"no field z": 1}, events={"no transform": 3})
    health = judge_clouds(past, later, HEARD, {AGE: Percentiles(1, 2, 3)}, LIMIT)
    assert health.level == Level.OK
    assert health.values["rejected, no field z"] == 1
    assert health.values[f"{AGE} (ms): p50, p95, highest"] == "1.0, 2.0, 3.0"
    assert judge_detector(past, later, 0, {}, LIMIT).level == Level.OK
    assert judge_detector(past, later, 0, {}, LIMIT).values["no transform"] == 3


def test_no_boxes_for_long_are_a_warning_with_a_hint() -> None:
    now = Counts(processed=4, boxes=6)
    assert judge_output(now, 29, LIMIT, True).level == Level.OK
    assert judge_output(now, 29, LIMIT, True).values["mean boxes per cloud"] == 1.5
    assert "meant for this sensor" in judge_output(now, 31, LIMIT, True).text
    assert "content of the clouds" in judge_output(now, 31, LIMIT, False).text
