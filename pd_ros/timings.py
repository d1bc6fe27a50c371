"""How long each stage of the last clouds took."""

import threading
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

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
