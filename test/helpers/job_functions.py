"""Functions that tests run as jobs: worker processes import them from here."""

import logging
import os
import signal
import time
from pathlib import Path

from pd_ros.jobs.worker import report, stopping


def square(number: int) -> int:
    return number * number


def fail(mark: Path, times: int, number: int) -> int:
    """Fail so many times, and count the times in a file."""
    tried = len(mark.read_text()) if mark.exists() else 0
    mark.write_text("x" * (tried + 1))
    if tried < times:
        logging.getLogger("test").warning("attempt %d", tried + 1)
        raise ValueError(f"no luck with {number}")
    return number


def die(mark: Path, times: int) -> str:
    """Kill the process that is at it, so many times."""
    tried = len(mark.read_text()) if mark.exists() else 0
    mark.write_text("x" * (tried + 1))
    if tried < times:
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def wait_for_stop(folder: Path, name: str) -> None:
    """Say that it runs, and that it was told to stop; ends by an error then."""
    (folder / f"{name}.runs").touch()
    while not stopping():
        report(1)
        time.sleep(0.02)
    (folder / f"{name}.stopped").touch()
    raise InterruptedError


def interrupted_by(mark: Path, text: str) -> str:
    """What the terminal's Ctrl-C does to a worker: nothing."""
    os.kill(os.getpid(), signal.SIGINT)
    mark.write_text(text)
    return text


def where_it_runs(_name: str) -> tuple[str, str]:
    return os.environ.get("OMP_NUM_THREADS", ""), str(Path.cwd())
