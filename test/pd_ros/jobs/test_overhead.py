"""The measure of what handing jobs over costs."""

import json

import pytest

from pd_ros.jobs.overhead import Overhead, main

pytest.importorskip("distributed", reason="Dask is not installed: packaging/requirements")


def test_a_few_jobs_are_measured(tmp_path, capsys) -> None:
    path = tmp_path / "overhead.json"
    arguments = ["--jobs", "5", "--workers", "2", "--seconds", "0.01", "--json", str(path)]
    assert main(arguments) == 0
    assert "5 jobs of 0.01 s on 2 workers" in capsys.readouterr().out
    found = json.loads(path.read_text())
    assert found["sleep_s"] == pytest.approx(0.03)
    assert found["wall_s"] > found["sleep_s"]


def test_the_time_beyond_the_sleep_is_shared_out() -> None:
    found = Overhead(100, 10, 1.0, wall_s=10.5, sleep_s=10.0, cpu_ms_per_job=1, grown_mb=0)
    assert found.overhead_ms_per_job == pytest.approx(5)


def test_no_jobs_are_refused(capsys) -> None:
    assert main(["--jobs", "0"]) == 2
    assert "got 0, 50 and 0.5" in capsys.readouterr().err
