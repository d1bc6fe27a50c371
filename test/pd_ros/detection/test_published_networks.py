"""Networks of the two papers: their published sizes, without running them."""

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from pd_ros.detection.config.base import load_config
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import SparseEncoderConfig
from pd_ros.detection.families import build_model

# Name, parameters (1e6) to the digits given, multiply-adds of the part behind the canvas (1e9) if
# a figure is given: PointDistiller's tables 1 and 5, SparseKD's table 1.
PUBLISHED = [
    ("point_pillars", 4.835, 34.2),
    ("point_pillars_4x", 1.217, 8.9),
    ("point_pillars_16x", 0.309, 2.4),
    ("second", 5.326, 69.6),
    ("second_4x", 1.343, 17.7),
    ("second_16x", 0.341, 4.6),
    ("nuscenes_point_pillars", 6.15, 56.5),
    ("nuscenes_point_pillars_2x", 3.12, 28.9),
    ("nuscenes_point_pillars_4x", 1.55, 14.7),
    ("cp_voxel", 7.76, None),
    ("cp_voxel_s", 4.04, None),
    ("cp_voxel_xs", 2.82, None),
    ("cp_voxel_xxs", 1.01, None),
    ("cp_pillar", 5.22, None),
    ("cp_pillar_v0_4", 5.22, None),
    ("cp_pillar_v0_48", 5.22, None),
    ("cp_pillar_v0_64", 5.22, None),
]


def digits(value: float) -> int:
    return len(str(value).partition(".")[2])


@pytest.mark.parametrize(("name", "parameters", "gmacs"), PUBLISHED, ids=str)
def test_sizes_are_the_published_ones(name, parameters, gmacs) -> None:
    config = load_config(Path(f"config/model/{name}.yaml"), ModelConfig)
    if isinstance(config.encoder, SparseEncoderConfig):
        pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    with torch.device("meta"):
        model = build_model(config)
        canvas = torch.empty(1, *config.canvas_shape)
    count = sum(p.numel() for p in model.parameters()) / 1e6
    assert round(count, digits(parameters)) == parameters
    if gmacs is not None:
        with FlopCounterMode(display=False) as counter:
            model.dense(canvas)
        assert counter.get_total_flops() / 2e9 == pytest.approx(gmacs, rel=0.01, abs=0.05)
