"""What is read of a loss, and what is left behind of a bad one."""

import pytest
import torch

from training.batches.collate import Batch
from training.loop.interrupts import read_finite

NO_BATCH = Batch(None, None, None, None)


def terms(**values):
    leaf = torch.ones((), requires_grad=True)
    return {name: leaf * value for name, value in values.items()}


def test_terms_are_read_in_their_order_and_without_their_graph(tmp_path) -> None:
    read = read_finite(terms(total=3.0, box=1.0, heatmap=2.0), NO_BATCH, tmp_path)
    assert {name: value.item() for name, value in read.items()} == {
        "total": 3.0, "box": 1.0, "heatmap": 2.0,
    }  # fmt: skip
    assert list(read) == ["total", "box", "heatmap"]
    assert not any(value.requires_grad for value in read.values())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_is_refused_with_its_terms(tmp_path, bad) -> None:
    with pytest.raises(ValueError, match=rf"total {bad}, box {bad}, heatmap 2"):
        read_finite(terms(total=bad, box=bad, heatmap=2.0), NO_BATCH, tmp_path)
    assert (tmp_path / "bad_batch.pt").is_file()
