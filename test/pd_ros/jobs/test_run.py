"""Jobs in this process, on workers that are threads, and on processes of which some die."""

import os
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from types import SimpleNamespace

import job_functions as functions
import pytest

from pd_ros.jobs.open_pool import open_pool, share_cores
from pd_ros.jobs.pool import LocalWorker, Pool
from pd_ros.jobs.run import Job, Outcome, run_jobs

psutil = pytest.importorskip("psutil", reason="Dask is not installed: packaging/requirements")
cluster = pytest.importorskip("pd_ros.jobs.cluster", reason="Dask is not installed")

TWO = [LocalWorker({"OMP_NUM_THREADS": "1"})] * 2


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    before = set(psutil.Process().children(recursive=True))
    yield
    left = set(psutil.Process().children(recursive=True)) - before
    assert [each for each in left if "resource_tracker" not in " ".join(each.cmdline())] == []


def outcomes(pool: Pool, jobs) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    run_jobs(pool, jobs, lambda outcome: found.__setitem__(outcome.job.name, outcome))
    return found


def squares(count: int) -> Iterator[Job]:
    return (Job(f"{number}", functions.square, (number,)) for number in range(count))


@pytest.fixture
def threads() -> Iterator[Pool]:
    with cluster.local_cluster(TWO, processes=False) as pool:
        yield pool


def test_one_process_runs_jobs_in_turn_and_reports_what_fails(tmp_path) -> None:
    bad = Job("bad", functions.fail, (tmp_path / "tries", 9, 7))
    with open_pool(None, [LocalWorker({"OMP_NUM_THREADS": "5"})]) as pool:
        found = outcomes(pool, [*squares(3), bad, Job("where", functions.where_it_runs, ("",))])
    assert [found[name].result for name in "012"] == [0, 1, 4]
    assert found["bad"].failure.reason == "no luck with 7"
    assert (tmp_path / "tries").read_text() == "x"
    assert found["where"].result[0] == "5"
    assert os.environ.get("OMP_NUM_THREADS") != "5"


def test_a_job_that_fails_three_times_is_reported_with_its_log(threads, tmp_path) -> None:
    jobs = [
        Job("bad", functions.fail, (tmp_path / "bad", 9, 7)),
        Job("unlucky", functions.fail, (tmp_path / "unlucky", 2, 8)),
    ]
    found = outcomes(threads, [*jobs, *squares(5)])
    assert len(found) == 7
    reason, log = found["bad"].failure
    assert reason == "no luck with 7"
    assert "attempt 3" in log
    assert "Traceback" in log
    assert found["bad"].result is None
    assert (tmp_path / "bad").read_text() == "xxx"
    assert found["unlucky"].result == 8
    assert [found[f"{number}"].result for number in range(5)] == [0, 1, 4, 9, 16]


def test_no_more_jobs_are_handed_over_than_can_run(threads) -> None:
    """So thousands of them do not fill the memory of the scheduler."""
    read, over, most = 0, 0, 0

    def jobs() -> Iterator[Job]:
        nonlocal read, most
        for job in squares(40):
            read += 1
            most = max(most, read - over)
            yield job

    def done(_: Outcome) -> None:
        nonlocal over
        over += 1

    run_jobs(threads, jobs(), done)
    assert (read, over, most) == (40, 40, 2)


def test_an_error_of_the_caller_stops_the_jobs_and_waits_for_them(threads, tmp_path) -> None:
    jobs = [Job(name, functions.wait_for_stop, (tmp_path, name)) for name in "abc"]
    told: list[int] = []

    def interrupt(begun) -> None:
        told.extend(each.done for each in begun)
        if len(list(tmp_path.glob("*.runs"))) == 2 and any(told):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_jobs(threads, jobs, lambda _: None, interrupt)
    assert sorted(path.name for path in tmp_path.glob("*.stopped")) == ["a.stopped", "b.stopped"]


def test_a_killed_worker_costs_its_job_a_try_and_nothing_else(tmp_path) -> None:
    jobs = [
        Job("once", functions.die, (tmp_path / "once", 1)),
        Job("interrupt", functions.interrupted_by, (tmp_path / "sigint", "lived")),
        Job("where", functions.where_it_runs, ("",)),
    ]
    with open_pool(None, TWO) as pool:
        found = outcomes(pool, [*jobs, *squares(6)])
    assert (found["once"].result, found["once"].failure) == ("alive", None)
    assert (tmp_path / "once").read_text() == "xx"
    assert found["interrupt"].result == "lived"
    assert found["where"].result == ("1", str(Path.cwd()))
    assert [found[f"{number}"].result for number in range(6)] == [0, 1, 4, 9, 16, 25]


class Dying(Executor):
    """A cluster on which every worker that is at the job dies, as often as Dask tries."""

    def __init__(self) -> None:
        self.tried = 0

    def submit(self, *_: object) -> Future:
        self.tried += 1
        future: Future = Future()
        killed = pytest.importorskip("distributed.scheduler").KilledWorker
        future.set_exception(killed("job", SimpleNamespace(address="tcp://x"), 2))
        return future


def test_a_job_that_kills_its_workers_is_reported_when_dask_gives_up(threads) -> None:
    threads.executor = executor = Dying()
    found = outcomes(threads, [Job("always", functions.square, (2,))])
    assert "its worker ended each time" in found["always"].failure.reason
    assert executor.tried == 1


def test_jobs_that_need_gpus_go_to_the_workers_that_have_them() -> None:
    workers = [LocalWorker({}, gpus=2), LocalWorker({}, gpus=1), LocalWorker({})]
    with cluster.local_cluster(workers, gpus=2, processes=False) as pool:
        assert pool.slots() == 1
        assert len(outcomes(pool, squares(3))) == 3
    with cluster.local_cluster(workers[2:], gpus=2, processes=False) as pool:
        assert pool.slots() == 1  # nobody says that he has any: all may be asked


def test_the_workers_of_a_scheduler_do_the_jobs(threads) -> None:
    address = threads._client.scheduler.address
    with open_pool(address, []) as pool:
        found = outcomes(pool, squares(3))  # in the order in which they end
        assert {name: each.result for name, each in found.items()} == {"0": 0, "1": 1, "2": 4}


def test_workers_that_do_several_jobs_at_once_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(
        cluster, "_options", lambda each, folder, _: {"nthreads": 2, "local_directory": folder}
    )
    with (
        cluster.local_cluster(TWO[:1], processes=False) as pool,
        pytest.raises(ValueError, match=r"expected workers of one thread.* has 2; .*--nthreads 1"),
        open_pool(pool._client.scheduler.address, []),
    ):
        pass


def test_a_scheduler_that_is_not_there_is_said(monkeypatch) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_S", 1)
    with (
        pytest.raises(
            ValueError, match=r"--scheduler tcp://127\.0\.0\.1:9: expected a Dask scheduler"
        ),
        open_pool("tcp://127.0.0.1:9", []),
    ):
        pass


def test_cores_are_shared(monkeypatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(6)))
    assert [each.environment["OMP_NUM_THREADS"] for each in share_cores(2)] == ["3", "3"]
    assert share_cores(1) == [LocalWorker()]
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert share_cores(3)[0].environment["OMP_NUM_THREADS"] == "4"
