"""Peaks of memory that is taken and given back."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import torch

from pd_ros.benchmark import memory
from pd_ros.benchmark.memory import PeakMemory

MB = 1_000_000


def take_and_give_back() -> tuple[float, float]:
    """Peaks of two amounts, the first of which was given back before the look at it began."""
    taken = torch.ones(300 * MB // 4)
    del taken
    peak = PeakMemory(torch.device("cpu"))  # what was before does not count
    before = peak.mb()
    taken = torch.ones(100 * MB // 4)
    del taken
    after = peak.mb()
    assert before is not None and after is not None
    return before, after


def test_the_peak_stays_after_the_memory_is_given_back() -> None:
    if PeakMemory(torch.device("cpu")).mb() is None:
        pytest.skip("this system does not tell the peak of a process")
    # A process of its own, as networks have it: in this one freed memory may have been kept.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        before, after = pool.submit(take_and_give_back).result()
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
