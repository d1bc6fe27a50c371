"""Counts of the node, and how often it says the same thing; shared between its threads."""

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

BEYOND = "beyond "  # before a capacity's name: the event of a point that it has no room for
OWN_VEHICLE = "boxes on the own vehicle"  # the event of one that was left out for that
_NONE: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Counts:
    """What happened to the clouds since the node started.

    Received are those processed, dropped and rejected, and at most two that wait or are in work.
    """

    received: int = 0
    processed: int = 0  # answered with a message, failed ones too
    failed: int = 0  # answered with no boxes, because the detector raised an error
    dropped: int = 0  # not answered, because a newer cloud came first
    clipped_points: int = 0  # beyond a capacity of the whole cloud; which one: see events
    boxes: int = 0  # published in all
    rejected: Mapping[str, int] = field(default_factory=lambda: _NONE)  # clouds, by reason
    events: Mapping[str, int] = field(default_factory=lambda: _NONE)  # what else went wrong
    last_latency_ms: float = 0.0  # from the arrival of a cloud to its answer
    last_boxes: int = 0


class Statistics:
    """Counts that several threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = Counts()
        self._rejected: Counter[str] = Counter()
        self._events: Counter[str] = Counter()

    def read(self) -> Counts:
        """Return all counts as they are at one moment."""
        with self._lock:
            rejected = MappingProxyType(dict(self._rejected))
            return replace(
                self._counts, rejected=rejected, events=MappingProxyType(dict(self._events))
            )

    def add(self, received: int = 0, dropped: int = 0, failed: int = 0, clipped: int = 0) -> None:
        """Add to some counts."""
        with self._lock:
            counts = self._counts
            self._counts = replace(
                counts,
                received=counts.received + received,
                dropped=counts.dropped + dropped,
                failed=counts.failed + failed,
                clipped_points=counts.clipped_points + clipped,
            )

    def reject(self, reason: str) -> None:
        """Count a cloud that could not be read."""
        with self._lock:
            self._rejected[reason] += 1

    def note(self, event: str, times: int = 1) -> None:
        """Count something that went wrong, and after which the node went on."""
        with self._lock:
            self._events[event] += times

    def answer(self, latency_ms: float, boxes: int) -> None:
        """Count a cloud that was answered."""
        with self._lock:
            self._counts = replace(
                self._counts,
                processed=self._counts.processed + 1,
                boxes=self._counts.boxes + boxes,
                last_latency_ms=latency_ms,
                last_boxes=boxes,
            )


class Throttle:
    """Says whether something may be said again: once per key in ``period_s``."""

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._last: dict[str, float] = {}

    def allows(self, key: str, now_s: float) -> bool:
        """Return whether the key was not allowed within the last period; if so, it is now."""
        if now_s - self._last.get(key, float("-inf")) < self._period_s:
            return False
        self._last[key] = now_s
        return True


_KEPT_S = 10.0
_MOST = 1000


class Percentiles(NamedTuple):
    """Of the last ten seconds, in milliseconds."""

    p50: float
    p95: float
    highest: float


class Timings:
    """Durations by the name of what took them, of the last ten seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[str, deque[tuple[float, float]]] = {}

    def add(self, durations_ms: Mapping[str, float], now_s: float) -> None:
        """Keep the durations of one cloud."""
        with self._lock:
            for name, value in durations_ms.items():
                self._taken.setdefault(name, deque(maxlen=_MOST)).append((now_s, value))

    def read(self, now_s: float) -> dict[str, Percentiles]:
        """Return percentiles by name, in the order in which the names first came."""
        with self._lock:
            recent = {
                name: [value for at_s, value in taken if now_s - at_s <= _KEPT_S]
                for name, taken in self._taken.items()
            }
        return {name: _percentiles(values) for name, values in recent.items() if values}


def _percentiles(values: list[float]) -> Percentiles:
    p50, p95 = np.percentile(values, (50, 95)).tolist()
    return Percentiles(p50, p95, max(values))
