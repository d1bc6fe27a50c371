"""A fixed number of points from a cloud of any size, as networks on raw points want them."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pd_ros.detection.bev.voxelize import inside_range
from pd_ros.detection.config.point_rcnn import PointRcnnConfig
from pd_ros.detection.types import PointBatch


def make_point_batch(
    clouds: Sequence[Tensor], config: PointRcnnConfig, seeds: Sequence[int] | None = None
) -> PointBatch:
    """Draw ``config.points`` of each cloud ``[N_i, 3 + C]``; the same seed draws the same.

    Points out of ``config.range_m`` (upper bounds excluded) and points that are not finite are
    left out. ``seeds``: one for each cloud; None: 0.
    """
    chosen = tuple(seeds) if seeds is not None else (0,) * len(clouds)
    drawn, counts = [], []
    for cloud, seed in zip(clouds, chosen, strict=True):
        near = cloud[inside_range(cloud, config.range_m)]
        counts.append(len(near))
        index = draw_points(near, config.points, config.near_m, seed)
        drawn.append(near[index] if len(near) else cloud.new_zeros(config.points, cloud.shape[1]))
    return PointBatch(torch.stack(drawn), torch.tensor(counts, device=drawn[0].device), chosen)


def draw_points(points: Tensor, count: int, near_m: float, seed: int) -> Tensor:
    """Indices ``[count]`` of points ``[N, 3+]`` in random order; none of an empty cloud.

    Of too many, those nearer than ``near_m`` are drawn and all others stay, because far objects
    have few points (PointRCNN's code); only where the far ones are too many, they are drawn, too.
    Too few are repeated.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(points), generator=generator).to(points.device)
    if len(points) <= count:
        return order.repeat(-(-count // max(1, len(points))))[:count]
    far = torch.linalg.vector_norm(points[order, :3], dim=1) >= near_m
    if far.sum() < count:
        order = torch.cat((order[far], order[~far]))
    shuffled = torch.randperm(count, generator=generator).to(points.device)
    return order[:count][shuffled]
