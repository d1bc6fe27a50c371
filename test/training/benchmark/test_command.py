"""The command: a whole suite in processes of its own, once; the rest without them."""

import re
import signal

import pytest
from small_suite import write_suite

from pd_ros.detection.checkpoint import load_checkpoint
from training.benchmark.__main__ import main
from training.benchmark.jobs.pool import Failure
from training.benchmark.scheduler import Conductor


def test_a_suite_is_trained_scored_and_not_run_twice(tmp_path, capsys) -> None:
    methods = {"logit": {"distill": {"logit": {}}}}
    suite, out = str(write_suite(tmp_path, methods)), tmp_path / "out"
    command = ["--suite", suite, "--out", str(out), "--processes", "1"]
    assert main(command) == 0
    table = capsys.readouterr().out
    assert re.search(r"\| teacher \|.*\| 22,962 \|", table)
    for method in ("none", "logit"):
        assert re.search(rf"\| {method} \| 2 \|.*\| 10,346 \|", table)
    results = {path: path.stat().st_mtime_ns for path in out.rglob("result.json")}
    assert len(results) == 5
    for seed in (1, 2):
        run = load_checkpoint(out / f"students/small/logit/seed_{seed}/model.safetensors").training
        assert run["run"]["seed"] == seed
        assert run["run"]["distill"]["teacher"] == str(out / "teachers/teacher/model.safetensors")
    assert main(command) == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("result.json")} == results
    (out / "table.md").unlink()
    capsys.readouterr()
    assert main([*command, "--report"]) == 0
    assert capsys.readouterr().out == table == (out / "table.md").read_text()


def test_a_stop_says_how_to_go_on(tmp_path, caplog, monkeypatch) -> None:
    def stop(_: Conductor) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Conductor, "run", stop)
    caplog.set_level("INFO")
    suite = str(write_suite(tmp_path))
    handler = signal.getsignal(signal.SIGTERM)
    assert main(["--suite", suite, "--out", str(tmp_path / "out")]) == 130
    assert f"go on with: python -m training.benchmark --suite {suite}" in caplog.text
    assert signal.getsignal(signal.SIGTERM) == handler


def test_a_dry_run_tells_what_is_to_do_and_trains_nothing(tmp_path, capsys) -> None:
    suite = str(write_suite(tmp_path, {"logit": {"distill": {"logit": {}}}}))
    out = tmp_path / "out"
    assert main(["--suite", suite, "--out", str(out), "--processes", "1", "--dry-run"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"teachers of key rows +1 +2 ", text)
    assert re.search(r"other rows at 1x +2 +4 ", text)
    assert re.search(r"^all +5 +10 ", text, flags=re.MULTILINE)
    assert re.search(r"^small/logit +logit +encoder \d+%, backbone", text, flags=re.MULTILINE)
    assert [path.name for path in out.iterdir()] == ["gradients.csv"]


def test_failures_are_reported_at_the_end(tmp_path, caplog, monkeypatch) -> None:
    def fail(conductor: Conductor) -> None:
        job = conductor.grid.teachers["small"]
        conductor.crew.failures.append(Failure(job, "exit code 2: out of luck"))

    monkeypatch.setattr(Conductor, "run", fail)
    assert main(["--suite", str(write_suite(tmp_path)), "--out", str(tmp_path / "out")]) == 1
    assert "failed: teacher teacher: exit code 2: out of luck" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--suite", "none"], "--suite: expected a YAML or one of"),
        (["--suite", "SUITE", "--only", "large"], "--only: expected some of small"),
        (["--suite", "SUITE", "--processes", "0"], "--processes: expected at least 1"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(tmp_path, caplog, arguments, expected) -> None:
    suite = str(write_suite(tmp_path))
    given = [suite if word == "SUITE" else word for word in arguments]
    assert main([*given, "--out", str(tmp_path / "out")]) == 2
    assert expected in caplog.text
    assert len(caplog.records) == 1
