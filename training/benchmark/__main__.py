"""Compare methods of distillation: pairs x methods x seeds, each trained and scored alike.

python -m training.benchmark --suite small --processes 2
python -m training.benchmark --suite small --only point_pillars
"""

import argparse
import logging
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from training.benchmark.conduct import Conductor, is_simulated
from training.benchmark.grid import Grid
from training.benchmark.lock import hold
from training.benchmark.processes import Crew
from training.benchmark.report import write_report
from training.benchmark.suite import SuiteConfig, load_suite
from training.benchmark.workers import make_slots

_LOG = logging.getLogger("training.benchmark")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        suite = load_suite(options.suite)
        name = Path(options.suite).stem
        grid = Grid(suite, options.out or Path("runs/benchmark") / name, tuple(options.only))
        if options.report:
            sys.stdout.write(write_report(grid))
            return 0
        return _run(grid, name, options.processes)
    except (ValueError, OSError) as error:
        _LOG.error("%s", error)
        return 2
    except KeyboardInterrupt:
        given = sys.argv[1:] if arguments is None else arguments
        command = shlex.join(["python", "-m", "training.benchmark", *given])
        _LOG.info("stopped, and what ran was saved; go on with: %s", command)
        return 130


def _run(grid: Grid, name: str, processes: int | None) -> int:
    slots = make_slots(processes, grid.suite.gpus_per_run)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
    with hold(grid.out) as lock:
        _simulate(grid.suite, len(slots))
        conductor = Conductor(grid, Crew(slots, (lock,)), name)
        conductor.run()
    sys.stdout.write((grid.out / "table.md").read_text(encoding="utf-8"))
    _LOG.info("table, CSV and pictures are in %s", grid.out)
    for job, reason in conductor.failures:
        _LOG.error("failed: %s: %s (%s)", job.name, reason, job.folder / "log.txt")
    for skipped in conductor.skipped:
        _LOG.error("not trained: %s: %s", skipped.name, skipped.reason)
    return 1 if conductor.failures else 0


def _simulate(suite: SuiteConfig, workers: int) -> None:
    """Make the simulated sweeps that are missing."""
    for folder, wanted in suite.simulate.items():
        if is_simulated(Path(folder), wanted.count):
            continue
        command = ["frames", "--out", folder, "--count", str(wanted.count), "--seed"]
        command += [str(wanted.seed), "--workers", str(workers)]
        if subprocess.run(
            [sys.executable, "-m", "training.simulate", *command], check=False
        ).returncode:
            raise ValueError(f"simulate: {folder}: could not be made, see above")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.benchmark",
        description="Train and score the pairs, methods and seeds of a suite; what is finished is"
        " not run again, what was interrupted goes on.",
        epilog="example: python -m training.benchmark --suite small --only point_pillars"
        " --processes 2",
    )
    add = parser.add_argument
    add("--suite", required=True, help="name of a YAML in config/benchmark, or a path")
    add("--out", type=Path, help="folder of all runs; default: runs/benchmark/NAME")
    add(
        "--processes", type=int,
        help="jobs at a time; default: one on each GPU, or half as many as there are cores",
    )  # fmt: skip
    add("--only", nargs="+", default=[], metavar="PAIR", help="only these pairs")
    add("--report", action="store_true", help="only rewrite the tables and pictures")
    return parser


if __name__ == "__main__":
    sys.exit(main())
