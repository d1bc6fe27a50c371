"""Measure what it costs to hand jobs to a cluster, with jobs that only sleep.

python -m pd_ros.jobs.overhead --jobs 1000 --workers 50
"""

import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pd_ros.jobs.pool import LocalWorker
from pd_ros.jobs.run import Job, run_jobs
from pd_ros.process.memory import resident_kb
from pd_ros.process.run_command import command_parser, run_command

_EXAMPLE = "example: python -m pd_ros.jobs.overhead --jobs 1000 --workers 50 --seconds 0.5"


class Overhead(NamedTuple):
    """What handing over cost, beside the sleep."""

    jobs: int
    workers: int
    seconds: float  # that a job sleeps
    wall_s: float
    sleep_s: float  # what the same jobs would take if handing over took no time
    cpu_ms_per_job: float  # of scheduler, workers and this program together
    grown_mb: float  # memory of all of them, from before the jobs to after them

    @property
    def overhead_ms_per_job(self) -> float:
        """Time beyond the sleep, shared out to the jobs."""
        return 1000 * (self.wall_s - self.sleep_s) / self.jobs


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = command_parser(
        "pd_ros.jobs.overhead",
        "Measure what it costs to hand jobs to a Dask cluster of this machine, whose workers are"
        " threads beside the scheduler and whose jobs only sleep.",
        _EXAMPLE,
    )
    parser.add_argument("--jobs", type=int, default=1000, help="how many")
    parser.add_argument("--workers", type=int, default=50, help="jobs at a time")
    parser.add_argument("--seconds", type=float, default=0.5, help="sleep of a job")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here as well")
    options = parser.parse_args(arguments)

    def run() -> str:
        found = measure(options.jobs, options.workers, options.seconds)
        if options.json:
            text = json.dumps(
                {**found._asdict(), "overhead_ms_per_job": found.overhead_ms_per_job}, indent=1
            )
            options.json.write_text(text + "\n", encoding="utf-8")
        return describe(found)

    return run_command("pd_ros.jobs.overhead", run)


def measure(jobs: int, workers: int, seconds: float) -> Overhead:
    """Run the jobs; raises ``ValueError`` for none, or where Dask is missing."""
    if jobs < 1 or workers < 1 or not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(
            "expected --jobs and --workers of at least 1 and --seconds of at least 0, got"
            f" {jobs}, {workers} and {seconds}"
        )
    try:
        from pd_ros.jobs.cluster import local_cluster  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ValueError(
            f"expected Dask, found no module {error.name}; install packaging/requirements/jobs.txt"
        ) from error
    with local_cluster([LocalWorker()] * workers, processes=False) as pool:
        before_kb = resident_kb("self")
        began_s, cpu_s = time.perf_counter(), time.process_time()
        run_jobs(
            pool,
            (Job(f"{number}", time.sleep, (seconds,)) for number in range(jobs)),
            lambda _: None,
        )
        wall_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
        grown_mb = (resident_kb("self") - before_kb) / 1024
    sleep_s = math.ceil(jobs / workers) * seconds
    return Overhead(jobs, workers, seconds, wall_s, sleep_s, 1000 * cpu_s / jobs, grown_mb)


def describe(found: Overhead) -> str:
    """For the terminal."""
    return (
        f"{found.jobs} jobs of {found.seconds:g} s on {found.workers} workers:"
        f" {found.wall_s:.1f} s, of which sleep {found.sleep_s:.1f} s;"
        f" {found.overhead_ms_per_job:.1f} ms a job beyond it, {found.cpu_ms_per_job:.1f} ms of"
        f" CPU a job; memory grew by {found.grown_mb:.0f} MB"
    )


if __name__ == "__main__":
    sys.exit(main())
