"""Runs the checks one by one in a process of their own, and starts another one after a crash."""

import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

from pd_ros.check_device.check import Check, Outcome, Setting, Verdict
from pd_ros.check_device.worker import serve

_LEAST_S = 1.0  # for the repeats of a check, however late it is
_PATIENCE_S = 300.0  # beyond its own time a check that is still at work counts as one that hangs


def run_checks(
    checks: Sequence[Check], setting: Setting, seconds: float, log: Path,
    patience_s: float = _PATIENCE_S,
) -> Iterator[Outcome]:  # fmt: skip
    """Outcomes of the checks in their order.

    ``seconds``: for all of them. Late checks lose repeats, none is left out. ``setting`` is that
    of each but for its network and its time.
    """
    ends, left = time.monotonic() + seconds, list(checks)
    worker: Worker | None = None
    try:
        while left:
            check = left[0]
            worker = worker or Worker(log)
            own = share(left, ends - time.monotonic())
            asked = replace(setting, network=check.network, seconds=own)
            outcome = worker.ask(check, asked, own + patience_s)
            if outcome.broken:
                worker.end()
                worker = None
            left.pop(0)
            yield outcome
    finally:
        if worker is not None:
            worker.end()


def share(left: Sequence[Check], seconds: float) -> float:
    """Seconds of the first of the checks that are left, by its weight among them."""
    return max(_LEAST_S, seconds * left[0].weight / sum(check.weight for check in left))


class Worker:
    """A process that runs checks."""

    def __init__(self, log: Path) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, log), daemon=True)
        self._process.start()
        theirs.close()  # so that its death ends the connection

    def ask(self, check: Check, setting: Setting, limit_s: float) -> Outcome:
        """The outcome of a check, if need be that it crashed or hung."""
        began = time.monotonic()
        try:
            self._connection.send((check, setting))
            if self._connection.poll(limit_s):
                outcome: Outcome = self._connection.recv()
                return outcome
            text = f"no answer within {limit_s:.0f} s, it was ended"
        except (EOFError, OSError):
            self._process.join()
            text = f"its process died ({_cause(self._process.exitcode)})"
        seconds = time.monotonic() - began
        return Outcome(check, Verdict.FAILED, text, {}, seconds, broken=True)

    def end(self) -> None:
        """End the process, whatever it is at."""
        self._process.kill()
        self._process.join()
        self._connection.close()


def _cause(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"
