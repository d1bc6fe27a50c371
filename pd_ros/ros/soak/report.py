"""Report a soak: memory, answers, latency, each from after the warm-up to the end."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_WARM_UP_SHARE, _WARM_UP_S = 0.2, 240.0  # the shorter one: so long the allocator finds its size
_PART = 0.25  # of what is left: the beginning and the end that are compared


class SoakSample(NamedTuple):
    """One look at the node."""

    at_s: float
    resident_kb: int
    latencies_ms: tuple[float, ...]  # of the answers since the last look
    load: float = 0.0  # processes of the whole machine that want to run


class Answers(NamedTuple):
    """What became of the clouds."""

    sent: int
    received: int  # by the node
    rejected: int
    dropped: int
    answered: int  # by the node's own count
    heard: int  # answers that came
    failed: int
    callbacks_failed: int = 0  # of anything but a cloud


class Requests(NamedTuple):
    """What became of the requests that the node has to refuse."""

    asked: int = 0
    refused: int = 0


_NONE = Requests()


class SoakReport(NamedTuple):
    """Figures of one soak; growth and drift are shares of the beginning."""

    minutes: float
    answers: Answers
    resident_mb: tuple[float, float]  # median of the beginning, of the end
    latency_ms: tuple[float, float]
    load: tuple[float, float]  # without which the latency says little
    requests: Requests = _NONE

    @property
    def growth(self) -> float:
        """Of the memory."""
        return self.resident_mb[1] / self.resident_mb[0] - 1

    @property
    def drift(self) -> float:
        """Of the latency."""
        return self.latency_ms[1] / self.latency_ms[0] - 1

    @property
    def lost(self) -> int:
        """Clouds that were accepted and of which no answer came."""
        answers = self.answers
        accepted = answers.received - answers.rejected - answers.dropped
        return accepted - answers.heard

    def broken(self, max_growth: float, max_drift: float) -> list[str]:
        """Say which limits were broken."""
        found = []
        if self.growth > max_growth:
            found.append(f"memory grew by {self.growth:.1%}, expected at most {max_growth:.1%}")
        if self.lost:
            found.append(f"{self.lost} accepted clouds have no answer, expected 0")
        if self.answers.failed:
            found.append(f"{self.answers.failed} clouds made the detector fail, expected 0")
        if self.answers.callbacks_failed:
            found.append(f"{self.answers.callbacks_failed} callbacks failed, expected 0")
        if self.requests.asked != self.requests.refused:
            left = self.requests.asked - self.requests.refused
            found.append(f"{left} requests that make no sense were not refused, expected 0")
        if self.drift > max_drift:
            found.append(f"latency rose by {self.drift:.0%}, expected at most {max_drift:.0%}")
        return found

    def text(self) -> str:
        """Return the figures for readers."""
        counts = ", ".join(f"{name} {count}" for name, count in self.answers._asdict().items())
        return (
            f"{self.minutes:g} minutes: {counts}\n"
            f"lost answers: {self.lost}\n"
            f"requests that make no sense: {self.requests.asked},"
            f" refused {self.requests.refused}\n"
            f"memory: {self.resident_mb[0]:.1f} MB, at the end {self.resident_mb[1]:.1f} MB"
            f" ({self.growth:+.2%})\n"
            f"latency, median: {self.latency_ms[0]:.1f} ms, at the end {self.latency_ms[1]:.1f} ms"
            f" ({self.drift:+.0%})\n"
            f"load of the machine: {self.load[0]:.1f}, at the end {self.load[1]:.1f}"
        )


def report_soak(
    samples: Sequence[SoakSample], answers: Answers, length_s: float, requests: Requests = _NONE
) -> SoakReport:
    """Compare beginning and end; raises ``ValueError`` for a soak too short to have both."""
    warm_s = min(_WARM_UP_SHARE * length_s, _WARM_UP_S)
    warm = [sample for sample in samples if sample.at_s >= warm_s]
    part = max(1, round(_PART * len(warm)))
    first, last = warm[:part], warm[-part:]
    latencies = [[ms for sample in some for ms in sample.latencies_ms] for some in (first, last)]
    if len(warm) < 2 or not all(latencies):
        raise ValueError(
            f"--minutes: expected a soak with answers at its beginning and end, got {len(warm)}"
            " looks after the warm-up; let it run longer"
        )
    memory = [float(np.median([s.resident_kb for s in some])) / 1e3 for some in (first, last)]
    median = [float(np.median(some)) for some in latencies]
    load = [float(np.median([sample.load for sample in some])) for some in (first, last)]
    return SoakReport(
        length_s / 60, answers, (memory[0], memory[1]), (median[0], median[1]), (load[0], load[1]),
        requests,
    )  # fmt: skip
