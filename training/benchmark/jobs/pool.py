"""Runs jobs of a benchmark, each in processes of its own: ``training.train``, then its score."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import yaml

from pd_ros.jobs import worker
from pd_ros.jobs.pool import Pool
from pd_ros.jobs.run import Job as PoolJob
from pd_ros.jobs.run import Outcome, run_jobs
from pd_ros.process.parent_death import ending_with_parent
from training.benchmark.jobs.job import Job, check_unchanged, write_task
from training.benchmark.jobs.slots import wait_for

_POLL_S = 0.1


class Failure(NamedTuple):
    """A job that did not end well."""

    job: Job
    reason: str


class Crew:
    """Runs jobs in their order, as many at a time as a pool takes; others go on if one fails."""

    def __init__(self, pool: Pool, batches: Path | None = None) -> None:
        self.failures: list[Failure] = []
        self._pool = pool
        self._batches = batches

    def run(
        self,
        jobs: Sequence[Job],
        tick: Callable[[Sequence[Job]], None],
        done: Callable[[Job], None],
    ) -> None:
        """Run jobs to their ends.

        ``tick`` is told again and again which ones run, ``done`` each one that ended well. On
        Ctrl-C all save and stop, and ``KeyboardInterrupt`` goes on.
        """

        def over(outcome: Outcome) -> None:
            job = jobs[outcome.number]
            if outcome.failure is None:
                done(job)
            else:
                self.failures.append(Failure(job, outcome.failure.reason))

        submitted = (PoolJob(job.name, train_and_score, (job, self._batches)) for job in jobs)
        run_jobs(
            self._pool, submitted, over, lambda begun: tick([jobs[each.number] for each in begun])
        )


def train_and_score(job: Job, batches: Path | None) -> None:
    """Do one job, where it is given to; ``ValueError`` if one of its processes fails.

    A run that was interrupted goes on where it was. Told to stop, it saves and is over.
    """
    begin(job)
    # What another worker has left of this job, which saves as it died, has to end before.
    with wait_for(job.folder, worker.stopping) as lock, (job.folder / "log.txt").open("ab") as log:
        for command in commands_of(job, batches):
            code = _run(command, log, lock)
            if code:
                raise ValueError(_reason(job, code))


def _run(command: list[str], log: BinaryIO, lock: int) -> int:
    """Run a process to its end and return its exit code; told to stop, end it by SIGTERM."""
    # A session of its own: the terminal's Ctrl-C reaches it once, through this process.
    process = subprocess.Popen(
        ending_with_parent(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        pass_fds=(lock,), start_new_session=True,
    )  # fmt: skip
    while process.poll() is None:
        if worker.stopping():
            process.terminate()  # at which a training saves its state
            return process.wait()
        time.sleep(_POLL_S)
    return process.returncode


def begin(job: Job) -> None:
    """Write what the processes of a job read; ``ValueError`` if that is another job's folder."""
    task = job.task()
    if task is None:
        raise ValueError(f"cannot be run without {', '.join(job.missing())}, which is not there")
    check_unchanged(job)
    write_task(job, task)
    if job.run is not None:
        text = yaml.safe_dump(job.run.model_dump(mode="json"), sort_keys=False)
        (job.folder / "run.yaml").write_text(text, encoding="utf-8")


def commands_of(job: Job, batches: Path | None) -> list[list[str]]:
    """Return the commands of a job; ``batches`` is where runs share them."""
    score = [sys.executable, "-m", "training.benchmark.jobs.score", str(job.folder)]
    if job.run is None:
        return [score]
    train = ["-m", "training.train", "--config", str(job.folder / "run.yaml")]
    if batches is not None:
        train += ["--keep-batches", str(batches)]
    if job.processes > 1:
        torchrun = ["-m", "torch.distributed.run", "--standalone"]
        train = [*torchrun, "--nproc-per-node", str(job.processes), *train]
    return [[sys.executable, *train], score]


def _reason(job: Job, code: int) -> str:
    text = (job.folder / "log.txt").read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    return f"exit code {code}: {lines[-1] if lines else 'no output'}"
