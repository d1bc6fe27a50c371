"""Scheduler and worker started by hand, as docs/clusters.md has it, and as it must not be done."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from patience import ending, read_until

from pd_ros.jobs.open_pool import open_pool
from pd_ros.jobs.run import Job, Outcome, run_jobs
from pd_ros.process.version import read_version

pytest.importorskip("pd_ros.jobs.cluster", reason="Dask is not installed")

CHECKOUT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(python: Sequence[str], arguments: Sequence[str], ready: str) -> Iterator[None]:
    """A process of Dask in the checkout, from when it says that it is ready."""
    command = [*python, "-m", "dask", *arguments]
    elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.Popen(command, cwd=CHECKOUT, env=elsewhere, stderr=subprocess.PIPE)
    with ending(process):
        read_until(process, process.stderr, ready)
        yield
        process.terminate()


@contextmanager
def started(*python: str) -> Iterator[str]:
    """The address of a scheduler with one worker."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    scheduler = [
        "scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        f"{port}",
        "--dashboard-address",
        ":0",
    ]
    worker = ["worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    with ExitStack() as stack:
        stack.enter_context(running(python, scheduler, "Scheduler at:"))
        stack.enter_context(running(python, worker, "Registered to:"))
        yield address


def test_processes_that_are_started_as_the_page_has_it_do_the_jobs() -> None:
    found: list[Outcome] = []
    with started(sys.executable) as address, open_pool(address, []) as pool:
        run_jobs(pool, [Job("version", read_version, ())], found.append)
    assert [each.result for each in found] == [read_version()]


def test_processes_that_do_not_find_the_checkout_are_refused() -> None:
    """``dask`` itself does not look for modules where it is started; -P is the same."""
    with (
        started(sys.executable, "-P") as address,
        pytest.raises(ValueError, match=r"lack a module .*pd_ros.*by python -m dask"),
        open_pool(address, []),
    ):
        pass
