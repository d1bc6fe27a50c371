"""Peaks of memory that is taken and given back."""

import subprocess
import sys

import pytest
import torch

from pd_ros.benchmark import startup as memory
from pd_ros.benchmark.startup import PeakMemory

MB = 1_000_000


# Run by a process of its own, as networks are: in this one freed memory may have been kept.
_TAKE_AND_GIVE_BACK = """
import torch
from pd_ros.benchmark.startup import PeakMemory

taken = torch.ones(75_000_000)
del taken
peak = PeakMemory(torch.device("cpu"))  # what was before does not count
print(peak.mb())
taken = torch.ones(25_000_000)
del taken
print(peak.mb())
"""


def test_the_peak_stays_after_the_memory_is_given_back() -> None:
    if PeakMemory(torch.device("cpu")).mb() is None:
        pytest.skip("this system does not tell the peak of a process")
    told = subprocess.run(
        [sys.executable, "-c", _TAKE_AND_GIVE_BACK], capture_output=True, text=True, check=True
    )
    before, after = map(float, told.stdout.split())
    assert before == pytest.approx(0, abs=20)
    assert after == pytest.approx(100, abs=20)


def test_a_system_that_does_not_tell_gives_no_figure(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(memory, "_PROCESS", tmp_path / "absent")
    assert PeakMemory(torch.device("cpu")).mb() is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_the_peak_of_a_gpu_is_what_was_allocated() -> None:
    peak = PeakMemory(torch.device("cuda"))
    taken = torch.ones(100 * MB // 4, device="cuda")
    del taken
    assert peak.mb() == pytest.approx(100, abs=3)
