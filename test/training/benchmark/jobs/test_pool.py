"""Jobs as processes, which run lines of Python: in turn, side by side, failing, stopped."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from patience import wait_until

from pd_ros.jobs.open_pool import open_pool
from pd_ros.jobs.pool import LocalWorker, Pool
from training.benchmark.grid import Row
from training.benchmark.jobs.pool import Crew, commands_of
from training.benchmark.jobs.slots import hold, make_slots, wait_for


@pytest.fixture
def jobs(make_grid):
    grid = make_grid(seeds=[1, 2, 3])
    return list(grid.students(Row(grid.pairs[0], "none"), 1.0).values())


def give_commands(monkeypatch, *lines: str) -> None:
    """Let each job run Python lines one after the other, in which FOLDER is its folder."""
    monkeypatch.setattr(
        "training.benchmark.jobs.pool.commands_of",
        lambda job, _: [[sys.executable, "-c", line.replace("FOLDER", repr(str(job.folder)))]
                     for line in lines],
    )  # fmt: skip


@pytest.fixture
def one() -> Iterator[Pool]:
    """This process, as one worker is."""
    with open_pool(None, [LocalWorker({"SLOT": "0"})]) as pool:
        yield pool


@pytest.fixture
def two() -> Iterator[Pool]:
    """Two workers; they are threads, and have the commands of these tests."""
    cluster = pytest.importorskip("pd_ros.jobs.cluster", reason="Dask is not installed")
    with cluster.local_cluster([LocalWorker()] * 2, processes=False) as pool:
        yield pool


def test_a_job_trains_and_is_then_scored(jobs) -> None:
    train, score = commands_of(jobs[0], None)
    assert train[1:] == ["-m", "training.train", "--config", f"{jobs[0].folder}/run.yaml"]
    assert score[1:] == ["-m", "training.benchmark.jobs.score", str(jobs[0].folder)]


def test_processes_of_a_job_follow_each_other_in_its_slot(jobs, monkeypatch, one) -> None:
    line = "import os; print(open(FOLDER + '/run.yaml').readline(), os.environ['SLOT'])"
    give_commands(monkeypatch, line, "print('scored')")
    done = []
    Crew(one).run(jobs, lambda _: None, done.append)
    assert [job.name for job in done] == [job.name for job in jobs]
    for job in jobs:
        first, slot, last = (job.folder / "log.txt").read_text().split("\n")[:3]
        assert first.startswith("model: ")
        assert slot.strip() == "0"
        assert last == "scored"


def test_jobs_run_side_by_side(jobs, monkeypatch, two) -> None:
    give_commands(monkeypatch, "print('trained')", "print('scored')")
    seen, done = [], []
    Crew(two).run(jobs, lambda running: seen.append(len(running)), done.append)
    assert sorted(job.name for job in done) == [job.name for job in jobs]
    assert max(seen) <= 2
    for job in jobs:
        assert (job.folder / "log.txt").read_text() == "trained\nscored\n"


def test_a_failing_process_is_reported_and_the_others_go_on(jobs, monkeypatch, one) -> None:
    give_commands(monkeypatch, "assert 'seed_2' not in FOLDER, 'no two'", "print('scored')")
    done = []
    crew = Crew(one)
    crew.run(jobs, lambda _: None, done.append)
    assert [job.run.seed for job in done] == [1, 3]
    ((job, reason),) = crew.failures
    assert (job.run.seed, reason) == (2, "exit code 1: AssertionError: no two")
    assert "scored" not in (job.folder / "log.txt").read_text()


def test_a_job_that_fails_is_tried_three_times_on_workers(jobs, monkeypatch, two) -> None:
    give_commands(monkeypatch, "assert 'seed_2' not in FOLDER, 'no two'")
    crew = Crew(two)
    crew.run(jobs, lambda _: None, lambda _: None)
    assert [job.run.seed for job, _ in crew.failures] == [2]
    assert (jobs[1].folder / "log.txt").read_text().count("AssertionError: no two") == 3


SAVING = (
    "import signal, sys, time\n"
    "def save(*_): time.sleep(0.2); open(FOLDER + '/saved', 'w').close(); sys.exit(130)\n"
    "signal.signal(signal.SIGTERM, save); signal.signal(signal.SIGINT, save)\n"
    "open(FOLDER + '/ready', 'w').close()\n"
    "time.sleep(600)"
)


def test_a_stop_reaches_the_processes_and_waits_for_them(jobs, monkeypatch, two) -> None:
    give_commands(monkeypatch, SAVING, "open(FOLDER + '/scored', 'w').close()")

    def interrupt(_: object) -> None:
        if all((job.folder / "ready").exists() for job in jobs[:2]):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Crew(two).run(jobs, interrupt, lambda _: None)
    assert [(job.folder / "saved").exists() for job in jobs] == [True, True, False]
    assert not any((job.folder / "scored").exists() for job in jobs)


_WORKER = """
import sys
from pathlib import Path
from training.benchmark.jobs import pool, slots
folder = Path(sys.argv[1])
with slots.wait_for(folder, lambda: False) as lock, (folder / "log.txt").open("ab") as log:
    pool._run([sys.executable, "-c", sys.argv[2]], log, lock)
"""


def test_the_process_of_a_killed_worker_saves_and_holds_the_folder_until_then(tmp_path) -> None:
    line = SAVING.replace("FOLDER", repr(str(tmp_path))).replace("0.2", "1.0")
    root = Path(__file__).parents[4]
    command = [sys.executable, "-c", _WORKER, str(tmp_path), line]
    process = subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(root)})
    wait_until((tmp_path / "ready").exists, "the run to begin")
    process.kill()
    process.wait()
    with wait_for(tmp_path, lambda: False):
        assert (tmp_path / "saved").exists()


def test_who_waits_for_a_folder_can_be_told_to_stop(tmp_path) -> None:
    with (
        wait_for(tmp_path, lambda: False),
        pytest.raises(InterruptedError),
        wait_for(tmp_path, lambda: True),
    ):
        pass


def test_a_folder_is_held_by_one_benchmark(tmp_path) -> None:
    with hold(tmp_path), pytest.raises(ValueError, match="another benchmark works here"):
        hold(tmp_path).__enter__()
    with hold(tmp_path):
        pass


def test_gpus_are_taken_in_turn(monkeypatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5,6")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(12)))

    def devices(*arguments: int | None) -> list[str]:
        return [slot.environment["CUDA_VISIBLE_DEVICES"] for slot in make_slots(*arguments)]

    assert devices(None, 1) == ["3", "5", "6"]
    assert devices(4, 1) == ["3", "5", "6", "3"]
    assert devices(None, 2) == ["3,5"]
    assert make_slots(4, 1)[0].environment["OMP_NUM_THREADS"] == "3"
    with pytest.raises(ValueError, match="at most the 3 GPUs"):
        make_slots(None, 4)


def test_cores_are_shared_where_there_is_no_gpu(monkeypatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(6)))
    assert len(make_slots(None, 1)) == 3
    assert [slot.environment["OMP_NUM_THREADS"] for slot in make_slots(2, 1)] == ["3", "3"]
    assert "CUDA_VISIBLE_DEVICES" not in make_slots(1, 1)[0].environment
    with pytest.raises(ValueError, match="--processes: expected at least 1, got 0"):
        make_slots(0, 1)
