"""Operations counted by hand on a small network."""

import pytest
import torch
from small_model import small_config, small_voxel_config
from torch.utils.flop_counter import FlopCounterMode

from pd_ros.detection.model import build_model
from training.cost.operations import count_operations


def by_hand(points: int) -> tuple[int, int]:
    """Multiply-adds and outputs of ``small_model``: 16 x 16 cells, then 8 x 8."""
    fine, coarse = 16 * 16, 8 * 8
    layers = [  # outputs per place, inputs per output, places
        (4, 10, points), (8, 8, points),
        (8, 9 * 8, fine), (8, 9 * 8, fine), (16, 9 * 8, coarse), (16, 9 * 16, coarse),
        (8, 8, fine), (8, 16, fine),
        (8, 9 * 16, fine), *[(8, 9 * 8, fine)] * 5,
        *[(outputs, 9 * 8, fine) for outputs in (2, 2, 1, 3, 2)],
    ]  # fmt: skip
    macs = sum(outputs * inputs * places for outputs, inputs, places in layers)
    return macs, sum(outputs * places for outputs, _, places in layers)


def test_counts_are_those_by_hand() -> None:
    config = small_config()
    cloud = torch.rand(50, 4) * 6 - 3
    cloud[:, 2] = 0
    found = count_operations(build_model(config).eval(), cloud, config)
    macs, outputs = by_hand(points=50)
    assert (round(found.gmacs * 1e9), found.sparse_gmacs) == (macs, 0)
    assert round(found.mactivations * 1e6) == outputs


def test_what_sparse_layers_multiply_is_not_among_the_dense() -> None:
    pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    config = small_voxel_config(residual=True)
    model = build_model(config).eval()
    found = count_operations(model, torch.rand(300, 4) * 4 - 2.5, config)
    rows, columns = (cells // config.canvas_stride for cells in config.grid.size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.dense(torch.zeros(1, config.canvas_channels, rows, columns))
    assert found.gmacs * 1e9 == pytest.approx(counter.get_total_flops() / 2)
    assert found.sparse_gmacs > 0
