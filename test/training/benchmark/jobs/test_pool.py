"""Jobs as processes, which run lines of Python: in turn, side by side, failing, stopped."""

import os
import sys

import pytest

from training.benchmark.grid import Row
from training.benchmark.jobs.pool import Crew, commands_of
from training.benchmark.jobs.slots import Slot, hold, make_slots


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


def slots(count: int) -> list[Slot]:
    return [Slot({**os.environ, "SLOT": str(number)}) for number in range(count)]


def test_a_job_trains_and_is_then_scored(jobs) -> None:
    train, score = commands_of(jobs[0], None)
    assert train[1:] == ["-m", "training.train", "--config", f"{jobs[0].folder}/run.yaml"]
    assert score[1:] == ["-m", "training.benchmark.jobs.score", str(jobs[0].folder)]


def test_processes_of_a_job_follow_each_other_in_its_slot(jobs, monkeypatch) -> None:
    line = "import os; print(open(FOLDER + '/run.yaml').readline(), os.environ['SLOT'])"
    give_commands(monkeypatch, line, "print('scored')")
    seen, done = [], []
    crew = Crew(slots(2))
    crew.run(jobs, lambda running: seen.append(len(running)), done.append)
    assert sorted(job.name for job in done) == [job.name for job in jobs]
    assert max(seen) == 2
    for job in jobs:
        first, slot, last = (job.folder / "log.txt").read_text().split("\n")[:3]
        assert first.startswith("model: ")
        assert slot.strip() in ("0", "1")
        assert last == "scored"


def test_a_failing_process_is_reported_and_the_others_go_on(jobs, monkeypatch) -> None:
    give_commands(monkeypatch, "assert 'seed_2' not in FOLDER, 'no two'", "print('scored')")
    done = []
    crew = Crew(slots(1))
    crew.run(jobs, lambda _: None, done.append)
    assert [job.run.seed for job in done] == [1, 3]
    ((job, reason),) = crew.failures
    assert (job.run.seed, reason) == (2, "exit code 1: AssertionError: no two")
    assert "scored" not in (job.folder / "log.txt").read_text()


def test_a_stop_reaches_the_processes_and_waits_for_them(jobs, monkeypatch) -> None:
    give_commands(
        monkeypatch,
        "import signal, sys, time\n"
        "def save(*_): time.sleep(0.2); open(FOLDER + '/saved', 'w').close(); sys.exit(130)\n"
        "signal.signal(signal.SIGTERM, save); open(FOLDER + '/ready', 'w').close()\n"
        "time.sleep(600)",
        "open(FOLDER + '/scored', 'w').close()",
    )

    def interrupt(_: object) -> None:
        if all((job.folder / "ready").exists() for job in jobs[:2]):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Crew(slots(2)).run(jobs, interrupt, lambda _: None)
    assert [(job.folder / "saved").exists() for job in jobs] == [True, True, False]
    assert not any((job.folder / "scored").exists() for job in jobs)


def test_a_folder_is_held_as_long_as_one_of_its_runs_lives(tmp_path, jobs, monkeypatch) -> None:
    give_commands(monkeypatch, "import time; time.sleep(600)")
    with hold(tmp_path) as lock:
        crew = Crew(slots(1), (lock,))
        crew._start(jobs[0])
    with pytest.raises(ValueError, match="another benchmark, or a run that it left behind"):
        hold(tmp_path).__enter__()
    crew._stop()
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
