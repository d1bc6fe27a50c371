"""Choose where jobs run: this process, worker processes of this machine, or a Dask cluster."""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from pd_ros.jobs.pool import LocalWorker, Pool, ThisProcess


@contextmanager
def open_pool(
    scheduler: str | None, workers: Sequence[LocalWorker], gpus: int = 0
) -> Iterator[Pool]:
    """Open the cluster of a scheduler, or else the workers given; a single one is this process.

    ``gpus``: that a job needs, of a cluster that has workers with the resource GPU. Raises
    ``ValueError`` or ``OSError`` for a cluster that cannot be used, and where Dask is missing.
    """
    if scheduler is None and len(workers) == 1:
        with _environment(workers[0].environment), ThreadPoolExecutor(1) as executor:
            yield ThisProcess(executor)
        return
    try:
        from pd_ros.jobs.cluster import local_cluster, remote_cluster  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ValueError(
            f"expected Dask for several processes or machines, found no module {error.name};"
            " install packaging/requirements/jobs.txt, or run one process"
        ) from error
    with remote_cluster(scheduler, gpus) if scheduler else local_cluster(workers, gpus) as pool:
        yield pool


def add_scheduler(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--scheduler``."""
    parser.add_argument(
        "--scheduler", metavar="ADDRESS",
        help="tcp://HOST:8786 of a Dask scheduler, whose workers do the work in place of"
        " processes of this machine: see docs/clusters.md",
    )  # fmt: skip


def share_cores(workers: int) -> list[LocalWorker]:
    """So many workers, each with its part of this machine's cores, unless OMP_NUM_THREADS is set.

    One is given all of them.
    """
    if workers == 1:
        return [LocalWorker()]
    threads = str(max(1, len(os.sched_getaffinity(0)) // workers))
    return [LocalWorker({"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads)})] * workers


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
