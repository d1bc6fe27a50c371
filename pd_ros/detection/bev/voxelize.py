"""Points to pillars or voxels: which point lies in which cell of the grid."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.config.grid import CapacityConfig, GridConfig
from pd_ros.detection.types import Clipped, PillarBatch

# Grids of more cells (voxels) are too large for a table of all of them: theirs are sorted.
_LARGEST_TABLE = 1 << 22


def pillarize(clouds: Sequence[Tensor], grid: GridConfig, capacity: CapacityConfig) -> PillarBatch:
    """Sort clouds ``[N_i, 3 + C]`` into pillars, or into voxels where the grid has layers.

    Points outside of ``grid.point_range_m`` (upper bounds excluded) and points that are not
    finite are left out. A pillar that is full holds the points that came first. Where a capacity
    of the whole cloud binds, points and pillars are thinned out evenly over the cloud's order
    (sensors send one direction after another: no sector may go blind) and counted in ``clipped``.
    An empty cloud, or no point in range, gives zero pillars.
    """
    parts = [_group_cloud(cloud, grid, capacity) for cloud in clouds]
    sizes = [len(part.counts) for part in parts]
    firsts = [sum(sizes[:i]) for i in range(len(parts))]
    place = torch.cat([part.place for part in parts])
    sample = torch.arange(len(parts), device=place.device).repeat_interleave(
        torch.tensor(sizes, device=place.device)
    )
    rows, columns = grid.size
    line = place // columns
    layer = line // rows  # a remainder would be another division
    return PillarBatch(
        torch.cat([part.points for part in parts]),
        torch.cat([part.number + first for part, first in zip(parts, firsts, strict=True)]),
        torch.stack((sample, line - layer * rows, place - line * columns), dim=1),
        torch.cat([part.counts for part in parts]),
        len(clouds),
        Clipped(*map(sum, zip(*(part.clipped for part in parts), strict=True))),
        layer,
        torch.cat([part.arrived for part in parts]),
    )


class _Grouped(NamedTuple):
    """One cloud in its pillars."""

    points: Tensor  # [P, 3 + C]
    number: Tensor  # [P] pillar of each point, counted within the cloud
    place: Tensor  # [V] cell of each pillar as (layer * rows + row) * columns + column
    arrived: Tensor  # [V] points in each pillar's cell
    counts: Tensor  # [V] those that it holds
    clipped: Clipped


def _group_cloud(cloud: Tensor, grid: GridConfig, capacity: CapacityConfig) -> _Grouped:
    index, cell = _in_range(cloud, grid)
    beyond, cells = len(index) - capacity.max_points, grid.layers * grid.size[0] * grid.size[1]
    if beyond > 0:
        kept = spread(len(index), capacity.max_points, index.device)
        index, cell = index.index_select(0, kept), cell.index_select(0, kept)
    places = None
    if cells > _LARGEST_TABLE:
        places, cell = torch.unique(cell, return_inverse=True)
        cells = len(places)
    index, cell, occupied, arrived, homeless = _clip(index, cell, cells, capacity)
    limit = capacity.max_points_per_pillar
    number = occupied.new_empty(cells)
    number.index_copy_(0, occupied, torch.arange(len(occupied), device=cell.device))
    place = occupied if places is None else places[occupied]
    return _Grouped(
        cloud.index_select(0, index),
        number.index_select(0, cell),
        place,
        arrived,
        arrived if limit is None else arrived.clamp(max=limit),
        Clipped(max(0, beyond), homeless),
    )


def spread(count: int, most: int, device: torch.device) -> Tensor:
    """Choose which of ``count`` things in a row, of which ``most`` have room, to keep: ``[most]``.

    Evenly over the row; rising, and what :func:`is_spread` says one by one.
    """
    rank = torch.arange(1, most + 1, device=device)
    return torch.div(rank * count - 1, most, rounding_mode="floor")


def is_spread(rank: Tensor, count: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """Whether things of ranks ``[N]`` below ``count`` ``[]`` are kept, and their ranks then.

    At most ``most`` are; no value is read back, as in ``padded_pillars``.
    """
    room, count = count.clamp(max=most), count.clamp(min=1)
    before = torch.div(rank * room, count, rounding_mode="floor")
    return torch.div((rank + 1) * room, count, rounding_mode="floor") > before, before


def inside_range(points: Tensor, range_m: Sequence[float]) -> Tensor:
    """Mark points ``[N, 3 + C]`` that are finite and in a range, upper bounds excluded: ``[N]``.

    ``range_m``: x, y, z minimum; x, y, z maximum.
    """
    # Column by column, which is several times faster than rows. NaN fails all comparisons, so the
    # accepting form drops it.
    inside = torch.ones(len(points), dtype=torch.bool, device=points.device)
    for values in points[:, 3:].unbind(1):
        inside &= values - values == 0  # else not finite; isfinite takes four passes
    limits = zip(points[:, :3].unbind(1), range_m[:3], range_m[3:], strict=True)
    for values, lower, upper in limits:
        inside &= (values >= lower) & (values < upper)
    return inside


def cell_sizes(grid: GridConfig, device: torch.device) -> Tensor:
    """Size of a cell along x, y and z in m: ``[3]``; pillars are as high as the range."""
    height = grid.voxel_height_m or grid.range_m[5] - grid.range_m[2]
    return torch.tensor([*grid.pillar_size_m, height], device=device)


def cells_of(xyz: Sequence[Tensor], grid: GridConfig, sizes: Tensor) -> Tensor:
    """Cells ``[P]``, (layer * rows + row) * columns + column, of points' x, y and z ``[P]`` each.

    ``sizes``: of :func:`cell_sizes`. What a point out of range gets means nothing.
    """
    rows, columns = grid.size
    x0, y0, z0 = grid.range_m[:3]
    size_x, size_y, size_z = torch.split(sizes, 1)
    column, row = _place(xyz[0], x0, size_x, columns), _place(xyz[1], y0, size_y, rows)
    cell = row * columns + column
    if grid.voxel_height_m is not None:
        cell += _place(xyz[2], z0, size_z, grid.layers) * (rows * columns)
    return cell


def _in_range(points: Tensor, grid: GridConfig) -> tuple[Tensor, Tensor]:
    """Index of the points in range, and their cell as (layer * rows + row) * columns + column."""
    index = inside_range(points, grid.point_range_m).nonzero().squeeze(1)
    # On a CPU index_select takes a third of the time of indexing by a tensor; so everywhere here.
    axes = 2 if grid.voxel_height_m is None else 3
    xyz = [values.index_select(0, index) for values in points[:, :axes].unbind(1)]
    return index, cells_of(xyz, grid, cell_sizes(grid, points.device))


def _place(values: Tensor, lower: float, size_m: Tensor, cells: int) -> Tensor:
    """Number of the cell along one axis."""
    # A true division by a tensor: the reciprocal moves points that lie on a cell's border.
    return ((values - lower) / size_m).long().clamp_(max=cells - 1)


def _clip(
    index: Tensor, cell: Tensor, cells: int, capacity: CapacityConfig
) -> tuple[Tensor, Tensor, Tensor, Tensor, int]:
    """Index and cell of the points that pillars have room for, their cells, how many lie in each.

    Last, how many points had none since their pillar had no place.
    """
    per_cell = torch.bincount(cell, minlength=cells)
    limit = capacity.max_points_per_pillar
    if limit is not None:
        late = _latecomers(cell, per_cell, limit)
        in_time = torch.ones_like(cell, dtype=torch.bool).index_fill_(0, late, False)
        keep = in_time.nonzero().squeeze(1)
        index, cell = index.index_select(0, keep), cell.index_select(0, keep)
    occupied, seated = per_cell.nonzero().squeeze(1), len(index)
    if len(occupied) > capacity.max_pillars:
        chosen = _spread_cells(cell, occupied, cells, capacity.max_pillars)
        keep = chosen.index_select(0, cell).nonzero().squeeze(1)
        index, cell, occupied = index[keep], cell[keep], chosen.nonzero().squeeze(1)
    return index, cell, occupied, per_cell.index_select(0, occupied), seated - len(index)


def _latecomers(cell: Tensor, per_cell: Tensor, limit: int) -> Tensor:
    """Positions of the points that came to their cell after ``limit`` others."""
    # Most cells hold few points: only the others are sorted.
    many = per_cell > limit
    crowded = many.index_select(0, cell).nonzero().squeeze(1)
    order = cell.index_select(0, crowded).int().argsort(stable=True)
    count = per_cell[many]
    first = (count.cumsum(0) - count).repeat_interleave(count, output_size=len(order))
    late = torch.arange(len(order), device=cell.device) - first >= limit
    return crowded.index_select(0, order[late])


def _spread_cells(cell: Tensor, occupied: Tensor, cells: int, limit: int) -> Tensor:
    """Mask ``[cells]`` of ``limit`` of the occupied cells, evenly in the order of their points."""
    first = cell.new_full((cells,), len(cell))
    position = torch.arange(len(cell), device=cell.device)
    first.scatter_reduce_(0, cell, position, "amin")
    arrival = occupied.index_select(0, first.index_select(0, occupied).argsort())
    chosen = torch.zeros(cells, dtype=torch.bool, device=cell.device)
    chosen[arrival.index_select(0, spread(len(occupied), limit, cell.device))] = True
    return chosen
