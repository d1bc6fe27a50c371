"""Bring feature maps of two networks together, and pool them under rotated boxes."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pd_ros.detection.boxes import bev_corners
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


def pool_boxes(maps: Tensor, boxes: Sequence[Tensor], config: ModelConfig, size: int) -> Tensor:
    """A ``size x size`` grid of each box ``[N_i, 7]`` of each map: ``[sum N_i, C, size, size]``.

    Bilinear in ``[B, C, H, W]`` maps over the grid of ``config`` at whatever stride; outside is 0.
    Columns run along the box, from its back. So boxes of networks of different resolutions compare
    (SparseKD's rotated RoI grid pooling, without its shift by part of a cell).
    """
    channels = maps.shape[1]
    pooled = [
        _pool(each, _places(part.to(maps), config, size))
        for each, part in zip(maps, boxes, strict=True)
        if len(part)
    ]
    return torch.cat(pooled) if pooled else maps.new_zeros(0, channels, size, size)


def _pool(feature_map: Tensor, places: Tensor) -> Tensor:
    rows = places.flatten(0, 1)[None]  # one image, boxes above each other
    sampled = F.grid_sample(feature_map[None], rows, align_corners=False)[0]
    return sampled.view(len(sampled), *places.shape[:3]).transpose(0, 1)


def _places(boxes: Tensor, config: ModelConfig, size: int) -> Tensor:
    """Places of the grid in the map: ``[N, size, size, 2]``, -1 to 1 from edge to edge."""
    step = (torch.arange(size, device=boxes.device) + 0.5) / size
    front_left, back_left, back_right, _ = bev_corners(boxes).unbind(1)
    along, across = front_left - back_left, back_left - back_right
    place = (
        back_right[:, None, None]
        + step[None, None, :, None] * along[:, None, None]
        + step[None, :, None, None] * across[:, None, None]
    )
    x0, y0, _, x1, y1, _ = config.grid.range_m
    lower, upper = place.new_tensor([x0, y0]), place.new_tensor([x1, y1])
    return 2 * (place - lower) / (upper - lower) - 1


def relation_loss(
    student: Tensor, teacher: Tensor, sizes: Sequence[int], squared: bool = True
) -> Tensor:
    """Smooth L1 of how far a scene's boxes are from each other in feature space (GID, 3.3).

    Vectors ``[N, C]``, ``[N, C']`` of all scenes and how many are of each. Distances, or as in
    SparseKD's code their squares, are divided by their scene's mean; averaged over scenes of two
    or more boxes, 0 without any.
    """
    parts = zip(student.split(list(sizes)), teacher.split(list(sizes)), strict=True)  # type: ignore[no-untyped-call]
    losses = [
        F.smooth_l1_loss(_distances(mine, squared), _distances(theirs, squared))
        for mine, theirs in parts
        if len(mine) > 1
    ]
    return torch.stack(losses).mean() if losses else student.sum() * 0.0


def _distances(vectors: Tensor, squared: bool) -> Tensor:
    distances = (vectors[:, None] - vectors[None]).square().sum(dim=2)
    if not squared:
        distances = distances.clamp(min=1e-12).sqrt()
    return distances / distances.mean().clamp(min=1e-12)
