"""The real programs, told to stop before they have begun."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from patience import PATIENCE_S, ending, wait_until
from rclpy.node import Node

NODE, COMPARISON = "pd_ros.node", "pd_ros.comparison_node"
BOTH = [signal.SIGINT, signal.SIGTERM]
# Runs a module as a program that gets a signal when it begins to import another one.
AT_IMPORT = """
import os, runpy, sys
program, moment, number, *sys.argv[1:] = sys.argv[1:]
class Moment:
    def find_spec(self, name, path=None, target=None):
        if name == moment:
            os.kill(os.getpid(), int(number))
sys.meta_path.insert(0, Moment())
runpy.run_module(program, run_name="__main__", alter_sys=True)
raise SystemExit(f"{program} did not import {moment}")
"""


def start(*arguments: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def exit_code(process: "subprocess.Popen[str]") -> int:
    """Of a process that ends without a word of failure."""
    with ending(process):
        log, _ = process.communicate(timeout=PATIENCE_S)
    assert not [word for word in ("Traceback", "ignored", "rror") if word in log], log
    return process.returncode


@pytest.mark.parametrize("number", BOTH)
@pytest.mark.parametrize(
    ("program", "moment"),
    [
        (NODE, "rclpy"),
        (NODE, "sensor_msgs"),
        (NODE, "torch"),
        (NODE, "pd_ros.ros.engine"),
        (COMPARISON, "rclpy"),
        (COMPARISON, "torch"),
    ],
)
def test_a_node_told_during_an_import_ends_with_exit_code_0(program, moment, number) -> None:
    arguments = ("--ros-args", "-r", f"__ns:=/test_import_{os.getpid()}")
    assert exit_code(start("-c", AT_IMPORT, program, moment, str(int(number)), *arguments)) == 0


# As above, but the import then takes for ever, in Python or in C code.
SLOW = """
import ctypes, os, runpy, sys, time
program, moment, kind, number, *sys.argv[1:] = sys.argv[1:]
class Moment:
    def find_spec(self, name, path=None, target=None):
        if name == moment:
            os.kill(os.getpid(), int(number))
            while kind == "import":
                time.sleep(0.01)
            ctypes.CDLL(None).sleep(10**6)
sys.meta_path.insert(0, Moment())
runpy.run_module(program, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("kind", ["import", "C code"])
@pytest.mark.parametrize("program", [NODE, COMPARISON])
def test_a_node_told_in_an_import_that_does_not_come_back_ends(program, kind) -> None:
    arguments = ("--ros-args", "-r", f"__ns:=/test_slow_{os.getpid()}")
    number = str(int(signal.SIGINT))
    assert exit_code(start("-c", SLOW, program, "torch", kind, number, *arguments)) == 0


@pytest.mark.parametrize("after_s", [0.0, 0.1, 0.2, 0.4, 0.8, 1.6])
def test_a_node_told_at_any_time_after_its_first_lines_ends_with_exit_code_0(after_s) -> None:
    process = start("-m", NODE, "--ros-args", "-r", f"__ns:=/test_early_{os.getpid()}")
    wait_until(lambda: catches(process.pid, signal.SIGTERM), "its first lines", process)
    time.sleep(after_s)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)  # as launch does when it gets impatient
    assert exit_code(process) == 0


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for a signal."""
    path = Path("/proc") / str(pid) / "status"
    if not path.exists():
        pytest.skip("no /proc: it cannot be seen when the program's own code begins")
    caught = next(line for line in path.read_text().splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


@pytest.mark.parametrize("number", BOTH)
@pytest.mark.parametrize("moment", ["torch", "rclpy"])
def test_inspect_cloud_told_during_an_import_says_that_it_was_not_done(moment, number) -> None:
    arguments = ("pd_ros.inspect_cloud", moment, str(int(number)), "--topic", "/nobody")
    assert exit_code(start("-c", AT_IMPORT, *arguments)) == 128 + number


@pytest.mark.parametrize("number", BOTH)
def test_inspect_cloud_told_while_it_waits_for_a_cloud(context, number) -> None:
    process = start("-m", "pd_ros.inspect_cloud", "--topic", "/nobody", "--timeout", "600")
    watcher = Node(f"watcher_{os.getpid()}")
    name = f"inspect_cloud_{process.pid}"
    wait_until(lambda: name in watcher.get_node_names(), f"node {name}", process)
    watcher.destroy_node()
    process.send_signal(number)
    assert exit_code(process) == 128 + number


WRONG = {
    "an option": (["--device", "cuda"], "unrecognized arguments: --device cuda"),
    "a word": (["start", "--ros-args", "-p", "a:=1"], "unrecognized arguments: start"),
    "an argument of ROS": (["--ros-args", "--parameter", "a:=1"], "--parameter"),
    "no file": (["--ros-args", "--params-file", "/no/such.yaml"], "/no/such.yaml"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("program", [NODE, COMPARISON])
def test_a_node_refuses_arguments_that_it_does_not_know(program, case) -> None:
    arguments, text = WRONG[case]
    with ending(start("-m", program, *arguments)) as process:
        log, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert text in log
    assert "Traceback" not in log


@pytest.mark.parametrize("program", [NODE, COMPARISON])
def test_the_help_of_a_node_shows_an_example_and_starts_nothing(program) -> None:
    help_of = ("-m", program, "--help", "--ros-args", "-r", "__ns:=/nowhere")
    with ending(start(*help_of)) as process:
        log, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert "ros2 run pd_ros" in log
    assert "--params-file FILE" in log


# Shells start what is in the background with Ctrl-C ignored, tests included.
INTERRUPTIBLE = ["env", "--default-signal=INT"]


@pytest.mark.parametrize("module", ["training.train", "pd_ros.replay"])
def test_ctrl_c_in_the_midst_of_the_imports_is_no_traceback(module, tmp_path) -> None:
    slow = "import time\nprint('importing', flush=True)\ntime.sleep(600)\n"
    for name in ("torch", "numpy"):
        (tmp_path / f"{name}.py").write_text(slow)
    paths = {"PYTHONPATH": f"{tmp_path}:{Path.cwd()}"}
    with subprocess.Popen(
        [*INTERRUPTIBLE, sys.executable, "-m", module],
        env={**os.environ, **paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, said) == (-signal.SIGINT, "")


def test_who_imports_the_package_keeps_the_answer_to_ctrl_c() -> None:
    code = "import signal, pd_ros; print(signal.getsignal(2) is signal.default_int_handler)"
    command = [*INTERRUPTIBLE, sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == "True\n"
