"""Operations of networks on raw points: sampling, neighbours, interpolation (PointNet++).

All take batches of equally many points ``[B, N, 3]``, in metres, and return indices or values;
distances are exact float32 differences, never by expanded squares, which lose metres' fractions.
"""

import torch
from torch import Tensor

# Distances of so many pairs are held at once: what a core's cache holds, or keeps a GPU busy.
_CPU_PAIRS, _GPU_PAIRS = 1 << 18, 1 << 24


def furthest_point_sample(points: Tensor, count: int) -> Tensor:
    """Indices ``[B, count]`` of points that lie far from each other, from the first on.

    Each next one is the furthest from all before it (lowest index first where several are);
    asks for at most as many as there are (PointNet++ section 3.2).
    """
    batch, total, _ = points.shape
    if not 0 < count <= total:
        raise ValueError(f"count: expected 1 to {total} points of {total}, got {count}")
    columns = points.mT.contiguous()  # sums over rows of three numbers are slow
    chosen = points.new_zeros(batch, count, dtype=torch.int64)
    distance = points.new_full((batch, total), torch.inf)
    for i in range(1, count):
        offset = columns - columns.gather(2, chosen[:, None, i - 1 : i].expand(-1, 3, -1))
        torch.minimum(distance, (offset * offset).sum(dim=1), out=distance)
        torch.argmax(distance, dim=1, out=chosen[:, i])
    return chosen


def ball_query(points: Tensor, centres: Tensor, radius_m: float, count: int) -> Tensor:
    """For each centre ``[B, M, 3]`` the first points within a radius: ``[B, M, count]`` indices.

    "First" is the points' order. Fewer are filled up with the first of them; a centre with none
    gets point 0 (PointNet++'s code).
    """
    found = []
    for block in _blocks(centres, points.shape[1]):
        near = _squared_distances(block, points) < radius_m * radius_m
        found.append(_first_of_rows(near.flatten(0, 1), count).view(*block.shape[:2], count))
    return torch.cat(found, dim=1)


def _first_of_rows(mask: Tensor, count: int) -> Tensor:
    """Columns of the first ``count`` true entries of each row ``[R, N]``: ``[R, count]``.

    Fewer are filled up with the first of them, none with 0.
    """
    row, column = mask.nonzero(as_tuple=True)
    per_row = torch.bincount(row, minlength=len(mask))
    place = torch.arange(len(row), device=row.device) - (per_row.cumsum(0) - per_row)[row]
    result = column.new_zeros(len(mask), count)
    begins, taken = place == 0, place < count
    result[row[begins]] = column[begins, None]
    result[row[taken], place[taken]] = column[taken]
    return result


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
    pairs = _CPU_PAIRS if points.device.type == "cpu" else _GPU_PAIRS
    size = max(1, pairs // max(1, others * len(points)))
    return torch.split(points, size, dim=1)


def _squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """``[B, N, 3]``, ``[B, M, 3]`` -> ``[B, N, M]`` m2."""
    result = a.new_zeros(len(a), a.shape[1], b.shape[1])
    for of_a, of_b in zip(a.unbind(2), b.mT.contiguous().unbind(1), strict=True):
        offset = of_a[:, :, None] - of_b[:, None]
        result.addcmul_(offset, offset)
    return result
