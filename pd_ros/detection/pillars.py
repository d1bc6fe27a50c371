"""Points to pillars or voxels: which point lies in which cell of the grid."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.grid_config import CapacityConfig, GridConfig
from pd_ros.detection.types import PillarBatch

# Grids of more cells (voxels) are too large for a table of all of them: theirs are sorted.
_LARGEST_TABLE = 1 << 22


def pillarize(clouds: Sequence[Tensor], grid: GridConfig, capacity: CapacityConfig) -> PillarBatch:
    """Sort clouds ``[N_i, 3 + C]`` into pillars, or into voxels where the grid has layers.

    Points outside of ``grid.range_m`` (upper bounds excluded) and points that are not finite are
    left out. Where a capacity binds, the first points and pillars in the cloud's order stay, and
    the rest is counted in ``clipped``. An empty cloud, or no point in range, gives zero pillars.
    """
    parts = [_group_cloud(cloud, grid, capacity) for cloud in clouds]
    sizes = [len(part.counts) for part in parts]
    firsts = [sum(sizes[:i]) for i in range(len(parts))]
    place = torch.cat([part.place for part in parts])
    sample = torch.arange(len(parts), device=place.device).repeat_interleave(
        torch.tensor(sizes, device=place.device)
    )
    rows, columns = grid.size
    return PillarBatch(
        torch.cat([part.points for part in parts]),
        torch.cat([part.number + first for part, first in zip(parts, firsts, strict=True)]),
        torch.stack((sample, place // columns % rows, place % columns), dim=1),
        torch.cat([part.counts for part in parts]),
        len(clouds),
        sum(part.clipped for part in parts),
        place // (rows * columns),
    )


class _Grouped(NamedTuple):
    """One cloud in its pillars."""

    points: Tensor  # [P, 3 + C]
    number: Tensor  # [P] pillar of each point, counted within the cloud
    place: Tensor  # [V] cell of each pillar as (layer * rows + row) * columns + column
    counts: Tensor  # [V]
    clipped: int


def _group_cloud(cloud: Tensor, grid: GridConfig, capacity: CapacityConfig) -> _Grouped:
    index, cell = _in_range(cloud, grid)
    in_range, cells = len(index), grid.layers * grid.size[0] * grid.size[1]
    places = None
    if cells > _LARGEST_TABLE:
        places, cell = torch.unique(cell, return_inverse=True)
        cells = len(places)
    index, cell = _clip(index, cell, cells, capacity)
    per_cell = torch.bincount(cell, minlength=cells)
    occupied = per_cell.nonzero().squeeze(1)
    number = torch.zeros_like(per_cell)
    number[occupied] = torch.arange(len(occupied), device=cell.device)
    place = occupied if places is None else places[occupied]
    return _Grouped(cloud[index], number[cell], place, per_cell[occupied], in_range - len(index))


def inside_range(points: Tensor, range_m: Sequence[float]) -> Tensor:
    """Which points ``[N, 3 + C]`` are finite and in a range (its upper bounds excluded): ``[N]``.

    ``range_m``: x, y, z minimum; x, y, z maximum.
    """
    bounds = points.new_tensor(range_m).view(6, 1)
    inside = points[:, 3:].isfinite().all(dim=1)
    # Column by column, which is several times faster than rows. NaN fails both comparisons, so the
    # accepting form drops it.
    for values, lower, upper in zip(points[:, :3].unbind(1), bounds[:3], bounds[3:], strict=True):
        inside &= (values >= lower) & (values < upper)
    return inside


def _in_range(points: Tensor, grid: GridConfig) -> tuple[Tensor, Tensor]:
    """Index of the points in range, and their cell as (layer * rows + row) * columns + column."""
    bounds = points.new_tensor(grid.range_m).view(6, 1)
    index = inside_range(points, grid.range_m).nonzero().squeeze(1)
    rows, columns = grid.size
    column = _place(points[:, 0][index], bounds[0], grid.pillar_size_m[0], columns)
    row = _place(points[:, 1][index], bounds[1], grid.pillar_size_m[1], rows)
    cell = row * columns + column
    if grid.voxel_height_m is not None:
        layer = _place(points[:, 2][index], bounds[2], grid.voxel_height_m, grid.layers)
        cell += layer * (rows * columns)
    return index, cell


def _place(values: Tensor, lower: Tensor, size_m: float, cells: int) -> Tensor:
    """Number of the cell along one axis."""
    # A true division by a tensor: the reciprocal moves points that lie on a cell's border.
    size = values.new_tensor([size_m])
    return ((values - lower) / size).long().clamp_(max=cells - 1)


def _clip(
    index: Tensor, cell: Tensor, cells: int, capacity: CapacityConfig
) -> tuple[Tensor, Tensor]:
    """Index and cell of the points within the capacities, first come first served."""
    index, cell = index[: capacity.max_points], cell[: capacity.max_points]
    if capacity.max_points_per_pillar is not None:
        late = _latecomers(cell, cells, capacity.max_points_per_pillar)
        in_time = torch.ones_like(cell, dtype=torch.bool).index_fill_(0, late, False)
        keep = in_time.nonzero().squeeze(1)
        index, cell = index[keep], cell[keep]
    if len(index) > capacity.max_pillars:  # fewer points than pillars allowed cannot overflow
        keep = _first_cells(cell, cells, capacity.max_pillars).nonzero().squeeze(1)
        index, cell = index[keep], cell[keep]
    return index, cell


def _latecomers(cell: Tensor, cells: int, limit: int) -> Tensor:
    """Positions of the points that came to their cell after ``limit`` others."""
    # Most cells hold few points: only the others are sorted.
    crowded = (torch.bincount(cell, minlength=cells) > limit)[cell].nonzero().squeeze(1)
    order = cell[crowded].argsort(stable=True)
    place = cell[crowded[order]]
    position = torch.arange(len(place), device=cell.device)
    starts = torch.where(place != place.roll(1), position, 0).cummax(0).values
    return crowded[order[position - starts >= limit]]


def _first_cells(cell: Tensor, cells: int, limit: int) -> Tensor:
    """Mask of points whose cell is among the first ``limit`` cells to be touched."""
    first = cell.new_full((cells,), len(cell))
    position = torch.arange(len(cell), device=cell.device)
    first.scatter_reduce_(0, cell, position, "amin")
    chosen = torch.zeros(cells, dtype=torch.bool, device=cell.device)
    touched = int((first < len(cell)).sum())
    chosen[first.argsort()[: min(limit, touched)]] = True
    return chosen[cell]
