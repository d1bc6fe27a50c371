"""Runs jobs side by side, each in processes of its own: ``training.train``, then its score."""

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import yaml

from training.benchmark.jobs.job import Job, check_unchanged, write_task
from training.benchmark.jobs.slots import Slot

_POLL_S = 0.1


class Failure(NamedTuple):
    """A job that did not end well."""

    job: Job
    reason: str


@dataclass
class Running:
    """A job whose processes run one after the other."""

    job: Job
    slot: Slot
    inherited: tuple[int, ...]  # file descriptors
    batches: Path | None
    commands: list[list[str]] = field(init=False)
    process: "subprocess.Popen[bytes]" = field(init=False)
    log: BinaryIO = field(init=False)

    def __post_init__(self) -> None:
        self.commands = commands_of(self.job, self.batches)
        self.log = (self.job.folder / "log.txt").open("ab")
        self.next()

    def next(self) -> None:
        """Start the next process."""
        # A session of its own: the terminal's Ctrl-C reaches it once, through this process.
        self.process = subprocess.Popen(
            self.commands.pop(0), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env=self.slot.environment, pass_fds=self.inherited, start_new_session=True,
        )  # fmt: skip

    def ended(self) -> int | None:
        """Exit code of the first process that failed, 0 after the last one; None before."""
        code = self.process.poll()
        if code == 0 and self.commands:
            self.next()
            return None
        if code is not None:
            self.log.close()
        return code


class Crew:
    """Runs jobs in their order, one in each slot at a time; other jobs go on if one fails."""

    def __init__(
        self,
        slots: Sequence[Slot],
        inherited: tuple[int, ...] = (),
        batches: Path | None = None,
    ) -> None:
        self.failures: list[Failure] = []
        self._free = list(slots)
        self._inherited = inherited
        self._batches = batches
        self._running: list[Running] = []

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
        waiting = deque(jobs)
        try:
            while waiting or self._running:
                while waiting and self._free:
                    self._start(waiting.popleft())
                for job in self._collect():
                    done(job)
                tick([each.job for each in self._running])
                time.sleep(_POLL_S)
        finally:
            self._stop()

    def _start(self, job: Job) -> None:
        try:
            begin(job)
            self._running.append(Running(job, self._free[0], self._inherited, self._batches))
            self._free.pop(0)
        except (ValueError, OSError) as error:
            self.failures.append(Failure(job, str(error)))

    def _collect(self) -> Iterator[Job]:
        """Jobs that have ended well since the last call."""
        for each in list(self._running):
            code = each.ended()
            if code is None:
                continue
            self._running.remove(each)
            self._free.append(each.slot)
            if code == 0:
                yield each.job
            else:
                self.failures.append(Failure(each.job, _reason(each.job, code)))

    def _stop(self) -> None:
        """End what still runs: by SIGTERM, at which a training saves its state; then by force."""
        try:
            for each in self._running:
                each.process.terminate()  # SIGINT is ignored below a shell's background job
            for each in self._running:
                each.process.wait()
        except KeyboardInterrupt:
            for each in self._running:
                os.killpg(each.process.pid, signal.SIGKILL)
            raise
        finally:
            for each in self._running:
                each.log.close()
            self._running.clear()


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
