"""What a detector would have kept up with, had the recording been live."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class RealTime(NamedTuple):
    """N clouds as they came, and what became of them; N may be 0."""

    clouds: int
    rate_hz: float  # median over the recording; 0 with fewer than two clouds
    answered: tuple[int, ...]  # numbers of the clouds that got an answer
    age_ms: tuple[float, ...]  # of each answer: since its cloud came

    @property
    def dropped(self) -> int:
        """How many clouds a newer one has replaced before their turn."""
        return self.clouds - len(self.answered)


def simulate_real_time(recorded_s: Sequence[float], latency_s: Sequence[float]) -> RealTime:
    """One detector, a mailbox of one slot, the newest cloud wins: as ``worker.py`` does it.

    ``recorded_s``: when each cloud came, not falling; ``latency_s``: what each cloud takes. Both
    are of the detector alone: transport, reading and publishing come on top in the node.
    """
    came = np.asarray(recorded_s, np.float64)
    answered, age_ms = list[int](), list[float]()
    following, free_s = 0, -np.inf
    while following < len(came):
        start_s = max(came[following], free_s)
        newest = int(np.searchsorted(came, start_s, side="right")) - 1
        free_s = start_s + latency_s[newest]
        answered.append(newest)
        age_ms.append(1000 * float(free_s - came[newest]))
        following = newest + 1
    steps = np.diff(came)
    rate_hz = 1 / float(np.median(steps)) if len(steps) and np.median(steps) > 0 else 0.0
    return RealTime(len(came), rate_hz, tuple(answered), tuple(age_ms))
