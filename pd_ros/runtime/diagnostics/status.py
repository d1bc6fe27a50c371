"""Judge the node's figures of the last period; no ROS needed.

Each function judges one thing and says the worst that it finds.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from pd_ros.detection.not_finite import NOT_FINITE
from pd_ros.runtime.diagnostics.silence import (
    Input,
    explain_loss,
    explain_nobody,
    explain_silence,
    explain_unheard,
    explain_untaken,
    no_clock_text,
)
from pd_ros.runtime.settings import DiagnosticLimits
from pd_ros.runtime.statistics import BEYOND, OWN_VEHICLE, Counts, Percentiles

LATENCY = "arrival to answer"  # in the timings
AGE = "age on arrival"

CALLBACK_FAILED = "callback failed"  # in the events
NOT_TAKEN = "not taken"  # clouds, for which the callback failed

_HUNG_S = 5.0
_AHEAD_S = 1.0  # stamps so far in the future are no mere difference of two good clocks


class Level(Enum):
    """Levels of ``diagnostic_msgs/DiagnosticStatus``, by their numbers."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


class Health(NamedTuple):
    """A level, a sentence for people, and numbers for programs."""

    level: Level
    text: str
    values: dict[str, object]


_Finding = tuple[object, Level, str]  # said if true

# What may go wrong around the detector, and how bad it is.
_EVENTS = {
    CALLBACK_FAILED: Level.ERROR,
    "worker restarted": Level.ERROR,
    "out of memory": Level.ERROR,
    NOT_FINITE: Level.ERROR,
    "no transform": Level.ERROR,
    "no output frame": Level.WARN,
    "single sweep": Level.WARN,
    "time went back": Level.WARN,
}


def judge_clouds(
    before: Counts,
    now: Counts,
    seen: Input,
    timings: Mapping[str, Percentiles],
    limit: DiagnosticLimits,
) -> Health:
    """Judge what comes in between two readings of the counts."""
    received = now.received - before.received
    rate_hz = received / max(seen.period_s, 1e-9)
    events = _grown(before.events, now.events)
    findings = (  # the worst first
        *_refused(events.get(NOT_TAKEN, 0), _grown(before.rejected, now.rejected)),
        *_silent(seen, limit),
        *_clocks(seen),
        *_lost(seen, events.get("lost on the way", 0)),
        *_slow(received, rate_hz, limit),
    )
    values = {
        **_count_values(now),
        "rate (Hz)": round(rate_hz, 1),
        **_times(timings, (AGE,)),
        **_input_values(seen),
    }
    return _worst(findings, "clouds come in", values)


def _refused(untaken: int, rejected: Mapping[str, int]) -> Iterator[_Finding]:
    yield untaken, Level.ERROR, explain_untaken(untaken)
    yield rejected, Level.ERROR, f"clouds rejected: {', '.join(rejected)}; see log"


def _silent(seen: Input, limit: DiagnosticLimits) -> Iterator[_Finding]:
    nobody = explain_nobody(seen)
    yield nobody, Level.STALE, nobody
    silent = f"no cloud for {seen.silent_s:.1f} s; {explain_silence(seen)}"
    yield seen.silent_s > limit.timeout_s, Level.STALE, silent


def _clocks(seen: Input) -> Iterator[_Finding]:
    yield seen.has_no_clock, Level.WARN, no_clock_text()
    ahead = (
        f"stamps up to {seen.ahead_s:.1f} s in the future: compare the clocks of sensor and"
        " computer, and set use_sim_time for a recording alone"
    )
    yield seen.ahead_s > _AHEAD_S and not seen.has_no_clock, Level.WARN, ahead


def _lost(seen: Input, lost: int) -> Iterator[_Finding]:
    unheard = explain_unheard(seen)
    yield unheard, Level.WARN, unheard
    yield lost, Level.WARN, f"{lost} clouds lost on the way; {explain_loss(seen)}"


def _slow(received: int, rate_hz: float, limit: DiagnosticLimits) -> Iterator[_Finding]:
    text = f"{rate_hz:.1f} clouds a second, expected {limit.min_rate_hz:g}"
    yield received and rate_hz < limit.min_rate_hz, Level.WARN, text


def _count_values(now: Counts) -> dict[str, object]:
    """Return the counts since the start, by the names that /diagnostics shows."""
    return {
        "received": now.received,
        "answered": now.processed,
        "dropped": now.dropped,
        "failed": now.failed,
        "rejected": sum(now.rejected.values()),
        **{f"rejected, {reason}": count for reason, count in sorted(now.rejected.items())},
        "lost on the way": now.events.get("lost on the way", 0),
        NOT_TAKEN: now.events.get(NOT_TAKEN, 0),
        "clipped points": now.clipped_points,
        "last latency (ms)": round(now.last_latency_ms, 1),
        "last boxes": now.last_boxes,
    }


def _input_values(seen: Input) -> dict[str, object]:
    """Return who publishes the clouds, and what they look like."""
    return {
        "publishers": len(seen.publishers),
        **{
            f"publisher {number}": f"{publisher.text}{publisher.conflict and ', not heard'}"
            for number, publisher in enumerate(seen.publishers, start=1)
        },
        "stamps in the future (s)": round(seen.ahead_s, 3),
        "subscribed": seen.reliability,
        "frame": seen.frame_id,
        "fields": seen.fields,
        "size (MB)": round(seen.payload_bytes / 1e6, 3),
    }


def judge_detector(
    before: Counts,
    now: Counts,
    busy_s: float,
    timings: Mapping[str, Percentiles],
    limit: DiagnosticLimits,
) -> Health:
    """Judge the work between two readings of the counts; ``busy_s``: with the cloud in work."""
    grown = _grown(before.events, now.events)
    findings = (  # the worst first
        (busy_s > _HUNG_S, Level.ERROR, f"a cloud is in work since {busy_s:.0f} s"),
        *_failures(now.failed - before.failed, grown),
        *_overload(
            before, now, grown, timings.get(LATENCY, Percentiles(0.0, 0.0, 0.0)).p95, limit
        ),
    )
    values: dict[str, object] = {
        **_times(timings, [name for name in timings if name != AGE]),
        **{name: now.events.get(name, 0) for name in _EVENTS},
        "busy (s)": round(busy_s, 2),
    }
    return _worst(findings, "detecting", values)


def _failures(failed: int, grown: Mapping[str, int]) -> Iterator[_Finding]:
    yield failed, Level.ERROR, f"{failed} clouds made the detector fail; see log"
    for name, level in _EVENTS.items():
        count = grown.get(name, 0)
        yield count, level, f"{name}, {count} times; see log"


def _overload(
    before: Counts, now: Counts, grown: Mapping[str, int], p95_ms: float, limit: DiagnosticLimits
) -> Iterator[_Finding]:
    latency = f"p95 of the latency is {p95_ms:.0f} ms"
    text = f"{latency}, above diagnostics.latency_error_ms ({limit.latency_error_ms:g})"
    yield p95_ms > limit.latency_error_ms, Level.ERROR, text
    clipped = now.clipped_points - before.clipped_points
    full = [name.removeprefix(BEYOND) for name in grown if name.startswith(BEYOND)]
    text = f"{clipped} points exceeded {' and '.join(full) or 'a capacity'}; thinned out evenly"
    yield clipped, Level.WARN, text
    received, dropped = now.received - before.received, now.dropped - before.dropped
    text = f"{dropped} of {received} clouds dropped: slower than the sensor"
    yield dropped > received / 2, Level.WARN, text
    text = f"{latency}, above diagnostics.latency_budget_ms ({limit.latency_budget_ms:g})"
    yield p95_ms > limit.latency_budget_ms, Level.WARN, text


def judge_output(
    now: Counts, empty_s: float, limit: DiagnosticLimits, content_is_good: bool
) -> Health:
    """Judge what goes out; ``empty_s``: how long no answer has had a box."""
    hint = "is the checkpoint meant for this sensor and place?" if content_is_good else (
        "see the status about the content of the clouds"
    )  # fmt: skip
    findings = (
        (
            empty_s > limit.zero_detection_warn_s,
            Level.WARN,
            f"no boxes for {empty_s:.0f} s; {hint} Or lower postprocess.score_threshold.default",
        ),
    )
    mean = now.boxes / max(now.processed, 1)
    values: dict[str, object] = {
        "boxes": now.boxes,
        "mean boxes per cloud": round(mean, 2),
        f"{OWN_VEHICLE}, left out": now.events.get(OWN_VEHICLE, 0),
        "without boxes for (s)": round(empty_s, 1),
    }
    return _worst(findings, "publishing", values)


def _grown(before: Mapping[str, int], now: Mapping[str, int]) -> dict[str, int]:
    """Return what was added to each count, without those that stayed."""
    added = {name: count - before.get(name, 0) for name, count in now.items()}
    return {name: count for name, count in added.items() if count}


def _times(timings: Mapping[str, Percentiles], names: Sequence[str]) -> dict[str, object]:
    return {
        f"{name} (ms): p50, p95, highest": (
            f"{timings[name].p50:.1f}, {timings[name].p95:.1f}, {timings[name].highest:.1f}"
        )
        for name in names
        if name in timings
    }


def _worst(findings: Sequence[_Finding], good: str, values: dict[str, object]) -> Health:
    level, text = next(
        ((level, text) for found, level, text in findings if found), (Level.OK, good)
    )
    return Health(level, text, values)
