"""What takes jobs over, and the one that does so on a thread of this process."""

import signal
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Executor, Future, wait
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import resource_tracker
from typing import Any, NamedTuple, Protocol

from pd_ros.jobs import worker
from pd_ros.jobs.worker import Report


class LocalWorker(NamedTuple):
    """A worker process of this machine; it does one job at a time."""

    environment: Mapping[str, str] = {}  # beside that of this process
    gpus: int = 0  # that it has for its job


class Pool(Protocol):
    """Takes jobs over."""

    executor: Executor
    attempts: int  # how often a job is tried
    report: Report | None  # for jobs of this process

    def slots(self) -> int:
        """How many jobs can be at work at once, by now."""

    def listening(self, run: str, report: Report) -> AbstractContextManager[None]:
        """Hand over how far jobs are."""

    def stop(self, run: str, waiting: Collection[Future[Any]]) -> None:
        """Tell the jobs of a run to stop, and wait for them; of none, nothing."""


class ThisProcess:
    """One job at a time, on a thread of this process; a failure is final."""

    attempts = 1

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.report: Report | None = None

    def slots(self) -> int:
        """One."""
        return 1

    @contextmanager
    def listening(self, _run: str, report: Report) -> Iterator[None]:
        """Hand over how far jobs are, by a call."""
        self.report = report
        yield

    def stop(self, run: str, waiting: Collection[Future[Any]]) -> None:
        """Tell the job that runs to stop, and wait for it."""
        if waiting:
            worker.stop(run)
            wait(waiting)


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Keep Ctrl-C, and a closed terminal, from what is started meanwhile: threads, processes.

    The terminal sends it to every process below it, and workers are told to stop otherwise. To
    this thread it comes at the end.
    """
    resource_tracker.ensure_running()  # as it starts, it lets SIGINT through to its thread again
    held = {signal.SIGINT, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
