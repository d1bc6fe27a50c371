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
        index, cell = _in_range(cloud, grid)
        in_range = len(index)
        index, cell = _clip(index, cell, rows * columns, capacity)
        kept.append(cloud[index])
        keys.append(cell + sample * rows * columns)
        clipped += in_range - len(index)
    return _group(torch.cat(kept), torch.cat(keys), (rows, columns), len(clouds), clipped)


def _in_range(points: Tensor, grid: GridConfig) -> tuple[Tensor, Tensor]:
    """Index of the points in range, and their cell as row * columns + column."""
    bounds = points.new_tensor(grid.range_m).view(6, 1)
    inside = points[:, 3:].isfinite().all(dim=1)
    # Column by column, which is several times faster than rows. NaN fails both comparisons, so the
    # accepting form drops it.
    for values, lower, upper in zip(points[:, :3].unbind(1), bounds[:3], bounds[3:], strict=True):
        inside &= (values >= lower) & (values < upper)
    index = inside.nonzero().squeeze(1)
    size = points.new_tensor(grid.pillar_size_m).view(2, 1)
    # A true division by a tensor: the reciprocal moves points that lie on a cell's border.
    column, row = (
        ((points[:, axis][index] - bounds[axis]) / size[axis]).long().clamp_(max=cells - 1)
        for axis, cells in enumerate(reversed(grid.size))
    )
    return index, row * grid.size[1] + column


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
