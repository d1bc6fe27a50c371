"""What the counts of the last period say about the node; no ROS needed."""

from enum import Enum
from typing import NamedTuple

from pd_ros.statistics import Counts


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


def judge(before: Counts, now: Counts, publishers: int) -> Health:
    """Judge the period between two readings of the counts; the worst thing found is said."""
    level, text = _worst(before, now, publishers)
    values: dict[str, object] = {
        "received": now.received,
        "answered": now.processed,
        "dropped": now.dropped,
        "failed": now.failed,
        "rejected": sum(now.rejected.values()),
        **{f"rejected, {reason}": count for reason, count in sorted(now.rejected.items())},
        "clipped points": now.clipped_points,
        "last latency (ms)": round(now.last_latency_ms, 1),
        "last boxes": now.last_boxes,
        "publishers": publishers,
    }
    return Health(level, text, values)


def _worst(before: Counts, now: Counts, publishers: int) -> tuple[Level, str]:
    received, dropped = now.received - before.received, now.dropped - before.dropped
    failed, clipped = now.failed - before.failed, now.clipped_points - before.clipped_points
    reasons = [name for name, n in now.rejected.items() if n > before.rejected.get(name, 0)]
    findings = (  # the worst first
        (failed, Level.ERROR, f"{failed} clouds made the detector fail; see log"),
        (reasons, Level.ERROR, f"clouds rejected: {', '.join(reasons)}; see log"),
        (not publishers, Level.STALE, "no publisher of the cloud topic; check its remapping"),
        (not received, Level.STALE, "no cloud came, although there is a publisher"),
        (clipped, Level.WARN, f"{clipped} points exceeded a capacity of the model, left out"),
        (
            dropped > received / 2,
            Level.WARN,
            f"{dropped} of {received} clouds dropped: slower than the sensor",
        ),
    )
    return next(
        ((level, text) for found, level, text in findings if found), (Level.OK, "detecting")
    )
