"""Jobs on Dask: a cluster of processes of this machine, or one that is there already."""

import logging
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import dask
from distributed import Client, Nanny, Scheduler, SpecCluster, Worker

from pd_ros.jobs import worker
from pd_ros.jobs.pool import LocalWorker, interrupts_held_back
from pd_ros.jobs.worker import Report
from pd_ros.process.version import read_version

_GPU = "GPU"  # the resource that workers with GPUs say how many they have of
_ATTEMPTS = 3
_CONNECT_S = 10
_FRESH_S = 1.0  # how long what is known of the workers is taken for true
_SETTINGS = {
    # How many deaths of its worker a job outlives; the next one is its failure.
    "distributed.scheduler.allowed-failures": _ATTEMPTS - 1,
    # Jobs say themselves how many threads they want.
    "distributed.nanny.pre-spawn-environ": {},
}


class DaskPool:
    """The workers of a cluster; each does one job at a time."""

    attempts = _ATTEMPTS
    report: Report | None = None

    def __init__(self, client: Client, gpus: int) -> None:
        self._client = client
        self._slots, self._known_s = 0, -_FRESH_S
        offered = any(_GPU in each["resources"] for each in self._workers())
        self._gpus = gpus if offered else 0
        needs = {"resources": {_GPU: gpus}} if self._gpus else {}
        self.executor: Executor = client.get_executor(pure=False, **needs)

    def slots(self) -> int:
        """How many workers can take such jobs; they may come and go."""
        if time.monotonic() >= self._known_s + _FRESH_S:
            able = (each["resources"].get(_GPU, 0) >= self._gpus for each in self._workers())
            self._slots, self._known_s = sum(able), time.monotonic()
        return self._slots

    @contextmanager
    def listening(self, run: str, report: Report) -> Iterator[None]:
        """Hand over how far jobs are, from events of the scheduler."""
        self._client.subscribe_topic(run, lambda event: report(*event[1]))
        try:
            yield
        finally:
            self._client.unsubscribe_topic(run)

    def stop(self, run: str, waiting: Collection[Future[Any]]) -> None:
        """Tell all workers, and those that come, until no job of the run is left."""
        while waiting:
            self._client.run(worker.stop, run, on_error="ignore")
            waiting = wait(waiting, 1.0).not_done

    def refuse_unfit(self, scheduler: str) -> None:
        """Raise ``ValueError`` for workers that would do several jobs at once, or other code."""
        for each in self._workers():
            if each["nthreads"] != 1:
                raise ValueError(
                    f"--scheduler {scheduler}: expected workers of one thread, as a process does"
                    f" one job at a time, {each['name']} has {each['nthreads']}; start them with"
                    " --nthreads 1, and --nworkers for several"
                )
        try:
            versions = self._client.run(read_version)
        except Exception as error:  # what could not be unpickled comes as text
            if "No module named" not in str(error):
                raise
            raise ValueError(
                f"--scheduler {scheduler}: its processes lack a module ({error}); start scheduler"
                " and workers in the checkout, with the same environment as here, by python -m"
                " dask, which looks there for modules"
            ) from None
        own = read_version()
        others = {version for version in versions.values() if version != own}
        if others:
            raise ValueError(
                f"--scheduler {scheduler}: expected workers of version {own}, got"
                f" {', '.join(sorted(others))}; start them from the same checkout"
            )

    def _workers(self) -> list[dict[str, Any]]:
        return list(self._client.scheduler_info(n_workers=-1)["workers"].values())


@contextmanager
def local_cluster(
    workers: Sequence[LocalWorker], gpus: int = 0, processes: bool = True
) -> Iterator[DaskPool]:
    """Start worker processes, or threads of this one as workers, and end them again."""
    quiet: dict[str, Any] = {"dashboard": False, "dashboard_address": ":0"}
    with TemporaryDirectory() as folder, dask.config.set(_SETTINGS):
        options = [{**quiet, **_options(each, folder, processes)} for each in workers]
        crew = {number: {"cls": Nanny if processes else Worker, "options": each}
                for number, each in enumerate(options)}  # fmt: skip
        scheduler = {"cls": Scheduler, "options": {"host": "127.0.0.1", **quiet}}
        with interrupts_held_back():
            cluster = SpecCluster(crew, scheduler, silence_logs=logging.CRITICAL, name="pd_ros")
        with cluster, Client(cluster) as client:
            yield DaskPool(client, gpus)


def _options(each: LocalWorker, folder: str, processes: bool) -> dict[str, Any]:
    """What a worker is started with; a thread of this process has no environment of its own."""
    options: dict[str, Any] = {
        "nthreads": 1,
        "memory_limit": 0,
        "local_directory": folder,
        "resources": {_GPU: each.gpus} if each.gpus else {},
    }
    own = {"env": dict(each.environment), "silence_logs": logging.CRITICAL}
    return options | (own if processes else {})


@contextmanager
def remote_cluster(scheduler: str, gpus: int = 0) -> Iterator[DaskPool]:
    """Use a cluster that is there; ``ValueError`` where it is not, or cannot do our jobs."""
    try:
        client = Client(scheduler, timeout=_CONNECT_S)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"--scheduler {scheduler}: expected a Dask scheduler there, {error}; start one by"
            " python -m dask scheduler, or correct the address"
        ) from error
    with client:
        pool = DaskPool(client, gpus)
        pool.refuse_unfit(scheduler)
        yield pool
