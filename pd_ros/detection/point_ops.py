"""Operations of networks on raw points: sampling, neighbours, interpolation (PointNet++).

All take batches of equally many points ``[B, N, 3]``, in metres, and return indices or values;
distances are exact float32 differences, never by expanded squares, which lose metres' fractions.
"""

import torch
from torch import Tensor

# Distances of so many pairs are held at once.
_PAIRS_PER_BLOCK = 1 << 22


def furthest_point_sample(points: Tensor, count: int) -> Tensor:
    """Indices ``[B, count]`` of points that lie far from each other, from the first on.

    Each next one is the furthest from all before it (lowest index first where several are);
    asks for at most as many as there are (PointNet++ section 3.2).
    """
    batch, total, _ = points.shape
    if not 0 < count <= total:
        raise ValueError(f"count: expected 1 to {total} points of {total}, got {count}")
    chosen = points.new_zeros(batch, count, dtype=torch.int64)
    distance = points.new_full((batch, total), torch.inf)
    rows = torch.arange(batch, device=points.device)
    for i in range(1, count):
        offset = points - points[rows, chosen[:, i - 1]][:, None]
        distance = torch.minimum(distance, offset.square().sum(dim=2))
        chosen[:, i] = distance.argmax(dim=1)
    return chosen


def ball_query(points: Tensor, centres: Tensor, radius_m: float, count: int) -> Tensor:
    """For each centre ``[B, M, 3]`` the first points within a radius: ``[B, M, count]`` indices.

    "First" is the points' order. Fewer are filled up with the first of them; a centre with none
    gets point 0 (PointNet++'s code).
    """
    order = torch.arange(points.shape[1], device=points.device)
    found = []
    for block in _blocks(centres, points.shape[1]):
        near = _squared_distances(block, points) < radius_m * radius_m
        ranked = torch.where(near, order, points.shape[1])
        first = ranked.topk(min(count, points.shape[1]), dim=2, largest=False, sorted=True).values
        filled = torch.where(first < points.shape[1], first, first[..., :1])
        filled = torch.where(filled < points.shape[1], filled, 0)
        missing = count - filled.shape[2]
        found.append(torch.cat((filled, filled[..., :1].expand(-1, -1, missing)), dim=2))
    return torch.cat(found, dim=1)


def interpolate(points: Tensor, known: Tensor, features: Tensor) -> Tensor:
    """Features ``[B, C, M]`` of known points ``[B, M, 3]`` carried to points: ``[B, C, N]``.

    The mean of the three nearest, weighted by their inverse distance (PointNet++ section 3.4); of
    fewer, where there are fewer.
    """
    nearest = min(3, known.shape[1])
    carried = []
    for block in _blocks(points, known.shape[1]):
        squared, index = _squared_distances(block, known).topk(nearest, dim=2, largest=False)
        weight = 1 / (squared.sqrt() + 1e-8)
        weight = weight / weight.sum(dim=2, keepdim=True)
        carried.append((gather_points(features, index) * weight[:, None]).sum(dim=3))
    return torch.cat(carried, dim=2)


def gather_points(features: Tensor, index: Tensor) -> Tensor:
    """Columns of ``[B, C, N]`` by indices ``[B, ...]``: ``[B, C, ...]``."""
    flat = index.flatten(1)[:, None].expand(-1, features.shape[1], -1)
    return features.gather(2, flat).view(*features.shape[:2], *index.shape[1:])


def _blocks(points: Tensor, others: int) -> tuple[Tensor, ...]:
    size = max(1, _PAIRS_PER_BLOCK // max(1, others * len(points)))
    return torch.split(points, size, dim=1)


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """``[B, N, 3]``, ``[B, M, 3]`` -> ``[B, N, M]`` m2."""
    result = (a[:, :, None, 0] - b[:, None, :, 0]).square()
    for axis in (1, 2):
        result += (a[:, :, None, axis] - b[:, None, :, axis]).square()
    return result
