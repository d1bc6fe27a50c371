"""Operations counted by hand on a small network."""

import torch
from small_model import small_config

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
