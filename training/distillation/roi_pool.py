"""Pool a bird's-eye map under rotated boxes."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from pd_ros.detection.boxes import bev_corners
from pd_ros.detection.config.bev import ModelConfig


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
