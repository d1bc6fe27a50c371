"""What surrounds a job where it runs: its folder, its log, how far it is, the word to stop."""

import contextlib
import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Report = Callable[[int, int], None]  # number of the job, how far it is

_LINES = 200  # of a job's log that are kept
_REPORT_PERIOD_S = 0.5
_stopped: set[str] = set()  # runs that were told to stop
_here = threading.local()  # the job of each thread


class JobError(Exception):
    """A job failed: the reason in a line, and the log with the traceback."""

    def __init__(self, reason: str, log: str) -> None:
        super().__init__(reason, log)
        self.reason, self.log = reason, log

    def __str__(self) -> str:
        return self.reason


class Place(NamedTuple):
    """What a job is told of where it runs; sent with it."""

    run: str
    number: int
    folder: str  # that relative paths start from
    report: Report | None = None  # None: by Dask, to whoever has submitted it


class _Running:
    """The job of one thread."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._told_s = 0.0

    def report(self, done: int) -> None:
        if time.monotonic() < self._told_s + _REPORT_PERIOD_S:
            return
        self._told_s = time.monotonic()
        (self.place.report or report_by_dask(self.place.run))(self.place.number, done)


def attempt(place: Place, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Run a job and return what it returns; raises :class:`JobError` if it fails."""
    log = deque[str](maxlen=_LINES)
    try:
        with contextlib.chdir(place.folder), _logging_to(log), _working(place):
            if stopping():
                raise InterruptedError("told to stop")
            return function(*arguments)
    except Exception as error:
        user = isinstance(error, (ValueError, OSError)) and str(error)
        reason = user or traceback.format_exception_only(error)[-1].strip()
        raise JobError(reason, "\n".join([*log, traceback.format_exc().rstrip()])) from None


def report(done: int) -> None:
    """Tell how far the job is that calls this; not more often than twice a second."""
    running: _Running | None = getattr(_here, "running", None)
    if running is not None:
        running.report(done)


def stopping() -> bool:
    """Whether the job that calls this should give up: its run was told to stop."""
    running: _Running | None = getattr(_here, "running", None)
    return running is not None and running.place.run in _stopped


def stop(run: str) -> None:
    """Tell all jobs of a run in this process to stop, those to come, too."""
    _stopped.add(run)


def report_by_dask(run: str) -> Report:
    """Return what reports by the events of Dask, under the run's name."""
    from distributed import get_worker  # noqa: PLC0415

    worker = get_worker()
    return lambda number, done: worker.log_event(run, (number, done))


@contextlib.contextmanager
def _working(place: Place) -> Iterator[None]:
    _here.running = _Running(place)
    try:
        yield
    finally:
        del _here.running


@contextlib.contextmanager
def _logging_to(lines: deque[str]) -> Iterator[None]:
    """Keep what is logged from now on, too."""
    handler = _Keeper(lines)
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


class _Keeper(logging.Handler):
    def __init__(self, lines: deque[str]) -> None:
        super().__init__(logging.INFO)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(self.format(record))
