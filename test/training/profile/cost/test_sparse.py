import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_model import small_voxel_config

from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.families import build_model
from training.profile.cost.operations import SparseCost, count_pairs

sites = st.sets(st.tuples(*[st.integers(0, 1)] + [st.integers(0, 4)] * 3), max_size=20)


@given(sites, sites, st.sampled_from([([3, 3, 3], [1, 1, 1], [1, 1, 1]),
                                      ([3, 3, 3], [2, 2, 2], [0, 1, 1]),
                                      ([3, 1, 1], [2, 1, 1], [0, 0, 0])]))  # fmt: skip
def test_pairs_equal_a_loop_over_all_of_them(inputs, outputs, shape) -> None:
    kernel, stride, padding = shape
    expected = 0
    for (a, *source), (b, *target) in itertools.product(inputs, outputs):
        offsets = [
            s + p - t * q for s, t, q, p in zip(source, target, stride, padding, strict=True)
        ]
        expected += a == b and all(0 <= o < k for o, k in zip(offsets, kernel, strict=True))
    rows = [torch.tensor(sorted(sites)).view(-1, 4) for sites in (inputs, outputs)]
    assert count_pairs(*rows, kernel, stride, padding) == expected


def test_one_voxel_costs_one_pair_in_every_layer() -> None:
    pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    config = small_voxel_config(residual=True)
    model = build_model(config).eval()
    batch = pillarize([torch.tensor([[0.1, 0.1, -2.95, 1.0]])], config.grid, config.capacity)
    with SparseCost(model) as cost, torch.no_grad():
        model(batch)
    assert cost.multiply_adds > 0
    # The stem: one voxel, its own neighbour only, from 4 to 4 channels; so are the next two.
    with SparseCost(model.encoder.stages[0]) as stem, torch.no_grad():
        model(batch)
    assert (stem.multiply_adds, stem.activations) == (4 * 4, 4)
