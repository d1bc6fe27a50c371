"""What is asked of a driver, without one."""

import shutil
import subprocess
from types import SimpleNamespace

import pytest

from pd_ros.check_device.checks import driver

LINE = "NVIDIA H200, 570.86.15, 143771 MiB, 4 MiB, Default, P0, [N/A], 1980 MHz, 700.00 W, 31\n"


@pytest.mark.parametrize(
    ("capability", "architectures", "runs"),
    [
        ((9, 0), ["sm_80", "sm_90"], True),
        ((8, 9), ["sm_80", "sm_90"], True),  # of the same generation, and earlier
        ((8, 0), ["sm_86", "sm_90"], False),
        ((12, 0), ["sm_90"], False),
        ((12, 0), ["sm_90", "compute_90"], True),  # compiled when it is loaded
        ((9, 0), ["sm_90a"], True),
        ((9, 0), ["compute_100"], False),
        ((9, 0), [], False),
        ((9, 0), ["gfx90a"], False),
    ],
)
def test_a_build_runs_on_a_gpu(capability, architectures, runs) -> None:
    assert driver.supports(capability, architectures) is runs


def fake_driver(monkeypatch, **answer) -> list[list[str]]:
    asked = []

    def run(command, **_options):
        asked.append(command)
        return SimpleNamespace(**{"returncode": 0, "stdout": "", "stderr": "", **answer})

    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_the_driver_is_asked_for_the_gpu_that_is_checked(monkeypatch) -> None:
    asked = fake_driver(monkeypatch, stdout=LINE)
    told = driver.ask_driver(3)
    assert told["name"] == "NVIDIA H200" and told["driver_version"] == "570.86.15"
    assert told["memory.total"] == "143771 MiB" and told["temperature.gpu"] == "31"
    assert "--id=3" in asked[0]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            {"returncode": 9, "stdout": "NVIDIA-SMI has failed\n"},
            "nvidia-smi: NVIDIA-SMI has failed",
        ),
        ({"stdout": "one, two\n"}, "expected 10 values, got 'one, two'"),
        ({"stdout": ""}, "expected 10 values, got ''"),
    ],
)
def test_a_driver_that_fails_is_quoted(answer, error, monkeypatch) -> None:
    fake_driver(monkeypatch, **answer)
    assert error in driver.ask_driver(0)["error"]


def test_a_machine_without_one_says_so(monkeypatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert driver.ask_driver(0) == {"error": "nvidia-smi is not there"}


def test_versions_of_what_is_installed() -> None:
    found = driver.packages()
    assert {"numpy", "pydantic"} <= found.keys()
    assert "tensorrt" not in found or found["tensorrt"]
