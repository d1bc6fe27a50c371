"""``python -m pd_ros COMMAND``: every program once, by job, and loaded only when it is called."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from programs import ROOT, programs

from pd_ros.__main__ import GROUPS, command_list, commands, main

COLUMNS = 80


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pd_ros", *arguments], cwd=ROOT, env={**os.environ, **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_every_program_is_a_command_exactly_once() -> None:
    listed = [command.module for command in commands()]
    assert sorted(listed) == sorted(set(programs()) - {"pd_ros"})
    names = [command.name for command in commands()]
    assert len(names) == len(set(names)) > 20


def test_the_list_has_a_line_for_each_by_job() -> None:
    lines = command_list().splitlines()
    assert len(lines) == len(GROUPS) + len(list(commands()))
    assert max(map(len, lines)) < COLUMNS
    for command in commands():
        (line,) = (line for line in lines if line.startswith(f"  {command.name} "))
        assert line.endswith(command.does)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_them(arguments, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    assert command_list() in capsys.readouterr().out


def test_nothing_of_a_command_is_loaded_before_it_is_called() -> None:
    code = "import sys, pd_ros.__main__; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "pd_ros" in loaded
    assert not loaded & {"torch", "numpy", "rclpy", "training", "yaml", "pydantic"}


@pytest.mark.parametrize(
    ("name", "near"),
    [("repaly", "replay"), ("evaluate-recording", "evaluate_recording"), ("trian", "train")],
)
def test_an_unknown_command_is_refused_with_what_is_near(name, near, capsys) -> None:
    assert main([name, "--model", "x"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert f"expected a command, got '{name}'; did you mean {near}?" in output.err


def test_a_name_that_is_near_nothing_is_refused_without_a_guess(capsys) -> None:
    assert main(["zzzz"]) == 2
    error = capsys.readouterr().err
    assert error == (
        "pd_ros: expected a command, got 'zzzz'; python -m pd_ros --help lists them\n"
    )


@pytest.mark.parametrize(
    ("name", "module"),
    [("replay", "pd_ros.replay"), ("evaluate", "pd_ros.evaluate"),
     ("evaluate_data", "training.evaluate"), ("benchmark_nms", "pd_ros.benchmark.nms"),
     ("benchmark_jobs", "pd_ros.jobs.overhead")],
)  # fmt: skip
def test_a_command_is_the_program(name, module) -> None:
    done = run(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: python -m {module} ")
    assert done.stderr == ""


def test_the_exit_code_is_that_of_the_command(tmp_path) -> None:
    absent = str(tmp_path / "absent")
    done = run("evaluate", "--metric", "kitti", "--labels", absent, "--detections", absent)
    assert done.returncode == 2
    assert done.stderr.startswith(f"pd_ros.evaluate: {absent}: expected a folder")


def test_commands_of_training_say_where_they_are_if_it_is_not_there(tmp_path: Path) -> None:
    """As it is installed: without the checkout beside it."""
    (tmp_path / "pd_ros").symlink_to(ROOT / "pd_ros")
    for command, code in (("train", 2), ("inspect_cloud", 0)):
        done = subprocess.run(
            [sys.executable, "-m", "pd_ros", command, "--help"], cwd=tmp_path,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
    done = subprocess.run(
        [sys.executable, "-m", "pd_ros", "train"], cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == (
        "pd_ros: train: expected the package training, found none: it is not installed, and stays"
        " in the checkout; run there: .venv/bin/python -m pd_ros train\n"
    )
