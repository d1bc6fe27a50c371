"""What is said when the process that measures dies."""

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
import torch

from training.profile.cost import measure as measuring


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
