"""The points of a cloud that belong to a proposal (PointRCNN section 3.3)."""

import torch
from torch import Tensor

from pd_ros.detection.boxes import points_in_boxes
from pd_ros.detection.overlap import rotate


def pool_points(points: Tensor, proposals: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Indices ``[R, count]`` of the first points ``[N, 3]`` in each proposal ``[R, 7]``.

    Fewer points are taken again from the first on. Also returns which proposals hold any ``[R]``;
    the indices of the others mean nothing.
    """
    inside = points_in_boxes(points, proposals)
    total = inside.sum(dim=1)
    order = torch.arange(len(points), device=points.device)
    ranked = torch.where(inside, order, len(points))
    taken = min(count, len(points))
    first = ranked.topk(taken, dim=1, largest=False, sorted=True).values
    turn = torch.arange(count, device=points.device) % total.clamp(1, count)[:, None]
    index = first.gather(1, turn.clamp(max=taken - 1))
    return index.clamp(max=len(points) - 1), total > 0


def to_canonical(points: Tensor, proposals: Tensor) -> Tensor:
    """Points ``[R, P, 3]`` in the frames of their proposals ``[R, 7]``: origin, x ahead."""
    offset = points - proposals[:, None, :3]
    turned = rotate(offset[..., :2], -proposals[:, None, 6])
    return torch.cat((turned, offset[..., 2:]), dim=2)
