"""Measure what else kept the cores busy, or held this process back, during a measurement."""

import os
import time
from pathlib import Path
from typing import NamedTuple

_STAT, _GROUP, _GROUPS = Path("/proc/stat"), Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
# Columns of a core's line: user, nice, system, irq, softirq and, of a virtual machine, steal.
_BUSY = (1, 2, 3, 6, 7, 8)
# What is less of the cores, or of the time, changes no figure by more than its spread.
_NOTABLE = 0.1


class Load(NamedTuple):
    """Means over the time of a measurement."""

    cores: int  # that this process may use
    foreign_cores: float | None  # of them, kept busy by others; None: the system does not say
    held_back: float  # share of the time in which a quota let this process' group wait

    def remark(self) -> str:
        """Return what a reader of the measured times has to know; empty: nothing."""
        causes = []
        if self.foreign_cores is not None and self.foreign_cores >= _NOTABLE * self.cores:
            causes.append(
                f"other processes kept {self.foreign_cores:.1f} of {self.cores} cores busy"
            )
        if self.held_back >= _NOTABLE:
            causes.append(f"a CPU quota held this one back for {100 * self.held_back:.0f} % of it")
        if not causes:
            return ""
        return (
            f"note: while this was measured {' and '.join(causes)}; times would be shorter"
            " without: measure again on idle cores"
        )


class Moment(NamedTuple):
    """What the system has counted so far, in seconds."""

    at: float
    cores: frozenset[int]
    busy: float | None  # of these cores, by whomever
    own: float  # CPU time of this process and of its children that have ended
    held_back: float

    def load_until(self, end: "Moment") -> Load:
        """Return the load between two moments."""
        elapsed = max(end.at - self.at, 1e-9)
        foreign = None
        if self.busy is not None and end.busy is not None:
            foreign = (end.busy - self.busy - (end.own - self.own)) / elapsed
            foreign = min(max(foreign, 0.0), float(len(self.cores)))
        return Load(len(self.cores), foreign, (end.held_back - self.held_back) / elapsed)


class LoadWatch:
    """Watches from when it is made. Child processes count as foreign until they have ended."""

    def __init__(self) -> None:
        self._began = _now()

    def load(self) -> Load:
        """Return the load so far."""
        return self._began.load_until(_now())


def _now() -> Moment:
    cores = _cores()
    spent = os.times()
    own = spent.user + spent.system + spent.children_user + spent.children_system
    return Moment(time.monotonic(), cores, _busy_s(cores), own, _held_back_s())


def _cores() -> frozenset[int]:
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


def _busy_s(cores: frozenset[int]) -> float | None:
    """CPU time of these cores; None where the system does not count it."""
    if not _STAT.is_file():
        return None
    rows = [line.split() for line in _STAT.read_text(encoding="ascii").splitlines()]
    names = {f"cpu{number}" for number in cores}
    ticks = [int(row[column]) for row in rows if row[0] in names for column in _BUSY]
    return sum(ticks) / os.sysconf("SC_CLK_TCK") if any(ticks) else None


def _held_back_s() -> float:
    """Seconds for which the process' control group waited for its quota; 0 where there is none."""
    if not _GROUP.is_file():
        return 0.0
    for line in _GROUP.read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        for folder in (_GROUPS / path.lstrip("/"), _GROUPS / "cpu" / path.lstrip("/"), _GROUPS):
            counts = _counts(folder / "cpu.stat")
            if "throttled_usec" in counts:  # of groups' second version
                return counts["throttled_usec"] / 1e6
            if "throttled_time" in counts:
                return counts["throttled_time"] / 1e9
    return 0.0


def _counts(path: Path) -> dict[str, int]:
    if not path.is_file():
        return {}
    pairs = (line.split() for line in path.read_text(encoding="ascii").splitlines())
    return {name: int(value) for name, value in pairs}
