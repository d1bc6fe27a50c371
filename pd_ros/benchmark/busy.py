"""Processes that do nothing but keep cores busy, and can be told to pause."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_SPIN = "while True: pass"
_SETTLE_S = 0.05  # until the system has found out who runs where


class BusyProcesses:
    """Processes of one busy thread each, on some cores; at first they pause."""

    def __init__(self, count: int, cores: Sequence[int]) -> None:
        self._processes = [subprocess.Popen([sys.executable, "-c", _SPIN]) for _ in range(count)]
        for process in self._processes:
            os.sched_setaffinity(process.pid, cores)
        self.pause()

    @property
    def pids(self) -> list[int]:
        """The numbers of the processes."""
        return [process.pid for process in self._processes]

    def pause(self) -> None:
        """Leave the cores alone."""
        self._send(signal.SIGSTOP)

    def go_on(self) -> None:
        """Keep the cores busy."""
        self._send(signal.SIGCONT)

    def end(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
            process.wait()

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes:
            process.send_signal(number)
        time.sleep(_SETTLE_S)


@contextmanager
def busy_processes(count: int, cores: Sequence[int]) -> Iterator[BusyProcesses]:
    """Start processes and end them; raises ``ValueError`` where cores cannot be chosen."""
    if not hasattr(os, "sched_setaffinity"):
        raise ValueError(
            "--busy-threads: expected a system that lets cores be chosen, as Linux does; leave it"
            " out"
        )
    busy = BusyProcesses(count, cores)
    try:
        yield busy
    finally:
        busy.end()
