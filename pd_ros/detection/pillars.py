"""Points to pillars: which point lies in which column of the grid."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pd_ros.detection.config import CapacityConfig, GridConfig
from pd_ros.detection.types import PillarBatch


def pillarize(clouds: Sequence[Tensor], grid: GridConfig, capacity: CapacityConfig) -> PillarBatch:
    """Sort clouds ``[N_i, 3 + C]`` into pillars.

    Points outside of ``grid.range_m`` (upper bounds excluded) and points that are not finite are
    left out. Where a capacity binds, the first points and pillars in the cloud's order stay, and
    the rest is counted in ``clipped``. An empty cloud, or no point in range, gives zero pillars.
    """
    rows, columns = grid.size
    kept, keys, clipped = [], [], 0
    for sample, cloud in enumerate(clouds):
        points, cell = _in_range(cloud, grid)
        points, cell, lost = _clip(points, cell, rows * columns, capacity)
        kept.append(points)
        keys.append(cell + sample * rows * columns)
        clipped += lost
    return _group(torch.cat(kept), torch.cat(keys), (rows, columns), len(clouds), clipped)


def _in_range(points: Tensor, grid: GridConfig) -> tuple[Tensor, Tensor]:
    """Points in range, and their cell as row * columns + column."""
    lower = points.new_tensor(grid.range_m[:3])
    upper = points.new_tensor(grid.range_m[3:])
    xyz = points[:, :3]
    # NaN fails both comparisons, so the accepting form drops it.
    inside = ((xyz >= lower) & (xyz < upper)).all(dim=1) & points[:, 3:].isfinite().all(dim=1)
    points = points[inside]
    # A true division by a tensor: the reciprocal moves points that lie on a cell's border.
    index = ((points[:, :2] - lower[:2]) / points.new_tensor(grid.pillar_size_m)).long()
    rows, columns = grid.size
    row, column = index[:, 1].clamp(max=rows - 1), index[:, 0].clamp(max=columns - 1)
    return points, row * columns + column


def _clip(
    points: Tensor, cell: Tensor, cells: int, capacity: CapacityConfig
) -> tuple[Tensor, Tensor, int]:
    """Keep within the capacities, first come first served; also returns how many were left out."""
    before = len(points)
    points, cell = points[: capacity.max_points], cell[: capacity.max_points]
    if capacity.max_points_per_pillar is not None:
        keep = _rank_in_cell(cell, cells) < capacity.max_points_per_pillar
        points, cell = points[keep], cell[keep]
    if len(points) > capacity.max_pillars:  # fewer points than pillars allowed cannot overflow
        keep = _first_cells(cell, cells, capacity.max_pillars)
        points, cell = points[keep], cell[keep]
    return points, cell, before - len(points)


def _rank_in_cell(cell: Tensor, cells: int) -> Tensor:
    """For each point, how many earlier points share its cell."""
    order = cell.argsort(stable=True)
    starts = torch.bincount(cell, minlength=cells).cumsum(0)
    position = torch.arange(len(cell), device=cell.device)
    begin = torch.cat((starts.new_zeros(1), starts[:-1]))
    rank = torch.empty_like(cell)
    rank[order] = position - begin[cell[order]]
    return rank


def _first_cells(cell: Tensor, cells: int, limit: int) -> Tensor:
    """Mask of points whose cell is among the first ``limit`` cells to be touched."""
    first = cell.new_full((cells,), len(cell))
    position = torch.arange(len(cell), device=cell.device)
    first.scatter_reduce_(0, cell, position, "amin")
    chosen = torch.zeros(cells, dtype=torch.bool, device=cell.device)
    touched = int((first < len(cell)).sum())
    chosen[first.argsort()[: min(limit, touched)]] = True
    return chosen[cell]


def _group(
    points: Tensor, key: Tensor, size: tuple[int, int], batch_size: int, clipped: int
) -> PillarBatch:
    rows, columns = size
    per_cell = torch.bincount(key, minlength=batch_size * rows * columns)
    occupied = per_cell.nonzero().squeeze(1)
    number = torch.zeros_like(per_cell)
    number[occupied] = torch.arange(len(occupied), device=key.device)
    cells = torch.stack(
        (occupied // (rows * columns), occupied // columns % rows, occupied % columns), dim=1
    )
    return PillarBatch(points, number[key], cells, per_cell[occupied], batch_size, clipped)
