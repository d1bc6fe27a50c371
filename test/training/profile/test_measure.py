"""What is said when the process that measures dies."""

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
import torch

from training.profile import measure as measuring
from training.profile.measure import measure_latency


class DyingPool:
    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, *_):
        future = Future()
        future.set_exception(BrokenProcessPool("terminated abruptly"))
        return future


def test_a_process_that_dies_names_its_network(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(measuring, "ProcessPoolExecutor", DyingPool)
    points = np.zeros((0, 4), np.float32)
    effort = measuring.ProfileBudget(1, 1.0)
    with pytest.raises(ValueError, match=r"huge\.yaml: the process .* died; .* memory"):
        measuring.measure(tmp_path / "huge.yaml", points, torch.device("cpu"), effort)


class Detector:
    """Counts its calls, and tells of two stages."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, cloud, done=lambda _stage: None):
        self.calls += 1
        for stage in ("encode", "decode"):
            done(stage)


@pytest.mark.parametrize(
    ("most", "seconds", "runs"),
    [(7, 60.0, 7), (1, 60.0, 1), (1000, 1e-9, 3)],
    ids=["as told", "fewer than usual", "no time"],
)
def test_runs_are_as_many_as_told_unless_the_time_is_up(most, seconds, runs) -> None:
    detector = Detector()
    measure_latency(detector, torch.zeros(0, 4), most, seconds)
    assert detector.calls == 2 + 2 * runs  # to warm up, then in whole and by stage


def test_stages_keep_their_order_and_no_time_is_negative() -> None:
    found = measure_latency(Detector(), torch.zeros(0, 4), 5, 60.0)
    assert [stage.name for stage in found.stages] == ["encode", "decode"]
    assert all(stage.ms >= 0 for stage in found.stages)
    assert 0 <= found.p50_ms <= found.p95_ms
