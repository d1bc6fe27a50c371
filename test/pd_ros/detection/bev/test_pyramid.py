"""The feature pyramid against its definition, written out for two stages."""

import pytest
import torch
from small_model import PYRAMID, small_pyramid_config
from torch.nn import functional as F

from pd_ros.detection.bev.backbone import PyramidNeck
from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.config.base import parse_config
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.families import build_model
from pd_ros.detection.inference.fold_norm import fold_batch_norm


def neck_with_statistics() -> PyramidNeck:
    torch.manual_seed(0)
    neck = PyramidNeck((3, 5), 4).eval()
    for module in neck.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    return neck


def test_levels_are_what_the_definition_says() -> None:
    neck = neck_with_statistics()
    fine, coarse = torch.randn(2, 3, 8, 6), torch.randn(2, 5, 4, 3)

    def layer(sequence, maps, padding):
        convolution, norm = sequence[0], sequence[1]
        maps = F.conv2d(maps, convolution.weight, padding=padding)
        mean, deviation = norm.running_mean, (norm.running_var + 1e-3).sqrt()
        return ((maps - mean[:, None, None]) / deviation[:, None, None]).relu()

    low, high = layer(neck.lateral[0], fine, 0), layer(neck.lateral[1], coarse, 0)
    low = low + high.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    expected = layer(neck.output[0], low, 1), layer(neck.output[1], high, 1)
    torch.testing.assert_close(neck((fine, coarse)), expected, atol=1e-5, rtol=1e-5)


def test_folding_changes_nothing() -> None:
    neck = neck_with_statistics()
    stages = torch.randn(1, 3, 8, 8), torch.randn(1, 5, 4, 4)
    with torch.no_grad():
        before = neck(stages)
        torch.testing.assert_close(fold_batch_norm(neck)(stages), before, atol=1e-5, rtol=1e-5)


def test_a_network_gives_the_maps_of_every_level() -> None:
    config = small_pyramid_config()
    output = build_model(config).eval()(
        pillarize([torch.zeros(0, 4)], config.grid, config.capacity)
    )
    assert output.neck.shape == (1, 8, 16, 16)
    assert [level.box.shape for level in output.maps.levels] == [(1, 36, 16, 16), (1, 36, 8, 8)]
    assert output.maps.levels[0].heatmap is output.heatmap
    assert output.coarser[0].direction.shape == (1, 8, 8, 8)


def test_a_pyramid_needs_anchors() -> None:
    with pytest.raises(ValueError, match="neck: a pyramid needs a head with anchors"):
        parse_config({**PYRAMID, "head": {"width": 8}}, ModelConfig, "x")
    with pytest.raises(ValueError, match=r"x: neck\.width: Input should be greater than 0"):
        parse_config({**PYRAMID, "neck": {"kind": "pyramid", "width": 0}}, ModelConfig, "x")
