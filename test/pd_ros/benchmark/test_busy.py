"""Foreign busy threads, which work and pause as told, and how nodes' own ones wait."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pd_ros.benchmark.busy import busy_processes

linux = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be chosen")


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def works(pid: int, patience_s: float) -> bool:
    before, end_s = cpu_ticks(pid), time.monotonic() + patience_s
    while cpu_ticks(pid) == before and time.monotonic() < end_s:
        time.sleep(0.02)
    return cpu_ticks(pid) > before


@linux
def test_they_work_only_when_told_to_on_the_cores_given() -> None:
    core = min(os.sched_getaffinity(0))
    with busy_processes(2, [core]) as busy:
        assert not any(works(pid, 0.5) for pid in busy.pids)
        busy.go_on()
        assert all(works(pid, 60.0) for pid in busy.pids)
        assert all(os.sched_getaffinity(pid) == {core} for pid in busy.pids)
        busy.pause()
        assert not any(works(pid, 0.5) for pid in busy.pids)
    assert len(busy.pids) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in busy.pids)


# What a node's environment is when it begins to import rclpy; torch comes after that.
AT_IMPORT = """
import os, runpy, sys
class Moment:
    def find_spec(self, name, path=None, target=None):
        if name == "rclpy":
            print(os.environ.get("OMP_WAIT_POLICY"), os.environ.get("GOMP_SPINCOUNT"), flush=True)
            os._exit(0)
sys.meta_path.insert(0, Moment())
runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
"""
SETTINGS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def environment_with(given):
    rest = {key: value for key, value in os.environ.items() if key not in SETTINGS}
    return {**rest, **given}


@pytest.mark.parametrize("program", ["pd_ros.node", "pd_ros.comparison_node"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "None 3000"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"),
        ({"GOMP_SPINCOUNT": "7"}, "None 7"),
    ],
)
def test_waiting_threads_of_nodes_spin_briefly_unless_told_otherwise(
    program, given, expected
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_IMPORT, program],
        env=environment_with(given), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == expected


def test_openmp_hears_of_it_before_torch_is_imported() -> None:
    code = "from pd_ros.process.openmp import wait_briefly; wait_briefly(); import torch"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment_with({"OMP_DISPLAY_ENV": "VERBOSE"}),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    if "GOMP_SPINCOUNT" not in done.stderr:
        pytest.skip("this OpenMP does not tell how often it spins")
    assert "GOMP_SPINCOUNT = '3000'" in done.stderr
