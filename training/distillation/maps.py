"""Feature maps of two networks, brought together."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import PillarEncoderConfig, PyramidNeckConfig
from pd_ros.detection.types import ModelOutput
from training.config.base import Tap


def tapped_maps(output: ModelOutput, tap: Tap) -> tuple[Tensor, ...]:
    """Float32 maps ``[B, C, H, W]`` at a tap, finest first; of a pyramid's levels the finest."""
    maps = output.stages if tap == "stages" else (output.neck,)
    return tuple(each.float() for each in maps)


def tapped_widths(config: ModelConfig, tap: Tap) -> tuple[int, ...]:
    """Channels of the maps at a tap."""
    return config.backbone.widths if tap == "stages" else (neck_width(config),)


def neck_width(config: ModelConfig) -> int:
    """Channels of the neck's (finest) map."""
    neck = config.neck
    return neck.width if isinstance(neck, PyramidNeckConfig) else sum(neck.widths)


def pillar_width(config: ModelConfig) -> int:
    """Channels of the pillar features."""
    assert isinstance(config.encoder, PillarEncoderConfig)
    return config.encoder.widths[-1]


def resize_to(feature_map: Tensor, like: Tensor) -> Tensor:
    """A map ``[B, C, H, W]`` at the rows and columns of another, by bilinear interpolation."""
    if feature_map.shape[-2:] == like.shape[-2:]:
        return feature_map
    return F.interpolate(feature_map, like.shape[-2:], mode="bilinear")


def to_table(feature_map: Tensor) -> Tensor:
    """``[B, C, H, W]`` -> one row per cell ``[B * H * W, C]``, sample by sample."""
    return feature_map.permute(0, 2, 3, 1).flatten(0, 2)


def channel_adapter(student: int, teacher: int, kernel: int = 1) -> nn.Sequential:
    """Convolution and batch norm from a student's channels to its teacher's."""
    convolution = nn.Conv2d(student, teacher, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(teacher))


def match_cells(student: Tensor, teacher: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of ``[V, 3]`` and of ``[W, 3]`` that hold the same cells: ``[M]``, ``[M]``.

    Each cell appears at most once on either side. They differ where one network's capacity is
    smaller; the common ones come by sample, row and column.
    """
    if torch.equal(student, teacher):
        everything = torch.arange(len(student), device=student.device)
        return everything, everything
    both, number, times = torch.unique(
        torch.cat((student, teacher)), dim=0, return_inverse=True, return_counts=True
    )
    place = torch.arange(len(number), device=number.device)
    first, second = (number.new_full((len(both),), -1) for _ in range(2))
    first[number[: len(student)]] = place[: len(student)]
    second[number[len(student) :]] = place[: len(teacher)]
    return first[times == 2], second[times == 2]
