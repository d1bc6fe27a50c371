"""Compare methods of distillation: pairs x methods x seeds, each trained and scored alike.

python -m training.benchmark --suite small --processes 2 --dry-run
python -m training.benchmark --suite small --processes 2
python -m training.benchmark --suite small --only point_pillars
"""

import argparse
import logging
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import torch

from pd_ros.jobs.open_pool import add_scheduler, open_pool
from pd_ros.process.run_command import command_parser, run_command
from training.benchmark.estimate import Estimate, format_estimate, format_reach, write_reach
from training.benchmark.grid import Grid
from training.benchmark.jobs.pool import Crew
from training.benchmark.jobs.slots import hold, make_slots
from training.benchmark.results.csv_table import write_report
from training.benchmark.scheduler import Conductor
from training.benchmark.suite import SuiteConfig, load_suite

_LOG = logging.getLogger("training.benchmark")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    given = sys.argv[1:] if arguments is None else arguments
    return run_command("training.benchmark", lambda: _start(options, given), _LOG)


def _start(options: argparse.Namespace, given: Sequence[str]) -> int:
    suite = load_suite(options.suite)
    name = Path(options.suite).stem
    command = shlex.join(["python", "-m", "training.benchmark", *given])
    out = options.out or Path("runs/benchmark") / name
    grid = Grid(suite, out, tuple(options.only), command)
    if options.dry_run:
        _show_estimate(grid, options.processes)
        return 0
    if options.report:
        sys.stdout.write(write_report(grid))
        return 0
    try:
        return _run(grid, name, options)
    except KeyboardInterrupt:
        _LOG.info("stopped, and what ran was saved; go on with: %s", command)
        raise


def _run(grid: Grid, name: str, options: argparse.Namespace) -> int:
    gpus = grid.suite.gpus_per_run
    slots = [] if options.scheduler else make_slots(options.processes, gpus)
    with hold(grid.out), _shared_batches(grid) as batches:
        make_sweeps = partial(_make_sweeps, grid.suite, len(slots), options.scheduler)
        with open_pool(options.scheduler, slots, gpus) as pool:
            conductor = Conductor(grid, Crew(pool, batches), name, make_sweeps)
            conductor.run()
        sys.stdout.write(write_report(grid))
    _LOG.info("table, CSV and pictures are in %s", grid.out)
    for job, reason in conductor.failures:
        _LOG.error("failed: %s: %s (%s)", job.name, reason, job.folder / "log.txt")
    for skipped in conductor.skipped:
        _LOG.error("not trained: %s: %s", skipped.name, skipped.reason)
    return 1 if conductor.failures or conductor.skipped else 0


def _show_estimate(grid: Grid, processes: int | None) -> None:
    """Print what remains and how long it takes, and which weights the terms of rows reach."""
    slots = make_slots(processes, grid.suite.gpus_per_run)
    lanes = len(slots) if torch.cuda.is_available() else len(os.sched_getaffinity(0))
    estimate = Estimate(grid)
    lines = [*format_estimate(list(estimate.parts()), lanes), "", *format_reach(estimate.costs)]
    sys.stdout.writelines(f"{line}\n" for line in lines)
    missing = [folder for folder, wanted in grid.suite.simulate.items()
               if len(list(Path(folder).glob("*.npz"))) < wanted.count]  # fmt: skip
    if missing:
        _LOG.info("simulated sweeps that are made besides: %s", ", ".join(missing))
    grid.out.mkdir(parents=True, exist_ok=True)
    write_reach(grid.out / "gradients.csv", estimate.costs)


@contextmanager
def _shared_batches(grid: Grid) -> Iterator[Path | None]:
    """Where the runs of this benchmark keep batches for each other; empty before and after it."""
    folder = grid.out / "batches"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield folder if grid.suite.keep_batches else None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_sweeps(
    suite: SuiteConfig, workers: int, scheduler: str | None, folders: Collection[str]
) -> None:
    """Simulate what is missing of the folders; ``ValueError`` if that fails."""
    for folder, wanted in suite.simulate.items():
        if folder not in folders or len(list(Path(folder).glob("*.npz"))) >= wanted.count:
            continue
        command = [sys.executable, "-m", "training.simulate", "frames", "--out", folder]
        command += ["--count", str(wanted.count), "--seed", str(wanted.seed)]
        if wanted.sensor:
            command += ["--sensor", wanted.sensor]
        if wanted.teacher_sensor:
            command += ["--teacher-sensor", wanted.teacher_sensor]
        where = ["--scheduler", scheduler] if scheduler else ["--workers", str(workers)]
        ended = subprocess.run([*command, *where], check=False)
        if ended.returncode:
            raise ValueError(f"simulate.{folder}: could not be made, see above; make it by hand")


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "training.benchmark",
        "Train and score the pairs, methods and seeds of a suite; what is finished is"
        " not run again, what was interrupted goes on.",
        "example: python -m training.benchmark --suite small --only point_pillars --processes 2",
    )
    add = parser.add_argument
    add("--suite", required=True, help="name of a YAML in config/benchmark, or a path")
    add("--out", type=Path, help="folder of all runs; default: runs/benchmark/NAME")
    add(
        "--processes", type=int,
        help="jobs at a time; default: one on each GPU, or half as many as there are cores",
    )  # fmt: skip
    add_scheduler(parser)
    add("--only", nargs="+", default=[], metavar="PAIR", help="only these pairs")
    add(
        "--dry-run", action="store_true",
        help="take a few steps of each row; print what is to be done, how long it takes and which"
        " weights each method reaches, also into gradients.csv",
    )  # fmt: skip
    add("--report", action="store_true", help="only rewrite the tables and pictures")
    return parser


if __name__ == "__main__":
    sys.exit(main())
