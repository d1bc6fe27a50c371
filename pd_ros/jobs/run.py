"""Run jobs until all are done: only as many are handed over as can run at once."""

import uuid
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pd_ros.jobs.pool import Pool
from pd_ros.jobs.worker import JobError, Place, attempt

_LOOK_PERIOD_S = 0.2


class Job(NamedTuple):
    """A function of a module and what it is called with, both small: they are sent."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


class Failure(NamedTuple):
    """Why a job has failed for the last time."""

    reason: str  # in a line
    log: str


class Outcome(NamedTuple):
    """A job that is over."""

    job: Job
    number: int  # of the job, from 0 on
    result: Any  # None where it failed
    failure: Failure | None


class Begun(NamedTuple):
    """A job that was handed over."""

    job: Job
    number: int
    attempt: int  # from 1 on
    done: int = 0  # how far it is, as it says itself


def run_jobs(
    pool: Pool,
    jobs: Iterable[Job],
    done: Callable[[Outcome], object],
    tick: Callable[[Sequence[Begun]], object] = lambda _begun: None,
) -> None:
    """Run jobs in their order; ``done`` is told each outcome as it comes, in any order.

    ``tick`` is told a few times a second which jobs are at work. A job is read only when there is
    room for it, so there may be any number of them. One that fails, or whose worker dies, is
    tried again, ``pool.attempts`` times in all. Where anything is raised, Ctrl-C among it, the
    jobs at work are told to stop and waited for.
    """
    _Run(pool, jobs, done, tick).run()


class _Run:
    def __init__(
        self,
        pool: Pool,
        jobs: Iterable[Job],
        done: Callable[[Outcome], object],
        tick: Callable[[Sequence[Begun]], object],
    ) -> None:
        self._pool, self._done, self._tick = pool, done, tick
        self._id, self._folder = uuid.uuid4().hex, str(Path.cwd())
        self._coming = enumerate(jobs)
        self._waiting: dict[Future[Any], Begun] = {}
        self._progress: dict[int, int] = {}  # by number

    def run(self) -> None:
        with self._pool.listening(self._id, self._progress.__setitem__):
            try:
                while self._fill():
                    over, _ = wait(self._waiting, _LOOK_PERIOD_S, FIRST_COMPLETED)
                    for future in over:
                        self._take(future)
                    self._tick([each._replace(done=self._progress.get(each.number, 0))
                                for each in self._waiting.values()])  # fmt: skip
            finally:
                self._pool.stop(self._id, self._waiting)

    def _fill(self) -> bool:
        """Hand over as many as there is room for; whether any is at work."""
        room = max(1, self._pool.slots()) - len(self._waiting)
        for number, job in islice(self._coming, max(0, room)):
            self._submit(Begun(job, number, 1))
        return bool(self._waiting)

    def _submit(self, begun: Begun) -> None:
        place = Place(self._id, begun.number, self._folder, self._pool.report)
        job = begun.job
        future = self._pool.executor.submit(attempt, place, job.function, job.arguments)
        self._waiting[future] = begun

    def _take(self, future: Future[Any]) -> None:
        job, number, attempts, _ = begun = self._waiting.pop(future)
        self._progress.pop(number, None)
        failure, final = _failure(future)
        if failure is not None and not final and attempts < self._pool.attempts:
            self._submit(begun._replace(attempt=attempts + 1))
        else:
            result = None if failure else future.result()
            self._done(Outcome(job, number, result, failure))


def _failure(future: Future[Any]) -> tuple[Failure | None, bool]:
    """Why a job failed, and whether it is not to be tried again."""
    try:
        error = future.exception()
    except CancelledError:
        return Failure("it was cancelled by somebody else", ""), False
    if error is None:
        return None, False
    if isinstance(error, JobError):
        return Failure(error.reason, error.log), False
    if type(error).__name__ == "KilledWorker":  # Dask itself has tried again
        reason = "its worker ended each time that it was at it, perhaps for want of memory"
        return Failure(reason, str(error)), True
    return Failure(f"{type(error).__name__}: {error}", str(error)), False
