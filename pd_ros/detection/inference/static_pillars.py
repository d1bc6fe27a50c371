"""Points to pillars in tensors of a fixed size, whatever the cloud: nothing waits for a count.

As ``pillars.py``, for a GPU that is told of all work before it has begun.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.bev.voxelize import cell_sizes, cells_of, inside_range, is_spread
from pd_ros.detection.config.grid import CapacityConfig, GridConfig
from pd_ros.detection.types import Clipped, PillarBatch

# Points that lie in no pillar share these rows: in a single one they would wait for each other.
_SPARE_PILLARS = 4096


class Padded(NamedTuple):
    """One cloud in its pillars, and what is not."""

    batch: PillarBatch  # all points, and as many pillars as there may be; those in no cell are not
    place: Tensor  # [V] cell of each pillar, row * columns + column; rows * columns of no pillar
    clipped: Tensor  # [2] int64, as in ``Clipped``
    held: Tensor  # [] int64, points that lie in a pillar


class PaddedPillars:
    """Sorts clouds into pillars as :func:`pillarize` does, by the same capacities."""

    def __init__(self, grid: GridConfig, capacity: CapacityConfig, device: torch.device) -> None:
        self._grid = grid
        self._capacity = capacity
        self._sizes = cell_sizes(grid, device)
        self._cells = grid.size[0] * grid.size[1]

    def __call__(self, points: Tensor) -> Padded:
        """Points ``[N, 3 + C]``, of which those not finite are nobody's, in their pillars."""
        inside = inside_range(points, self._grid.point_range_m)
        count, room = inside.sum(), self._capacity.max_points
        kept = inside & is_spread(inside.cumsum(0) - 1, count, room)[0]
        cell = cells_of(points[:, :3].unbind(1), self._grid, self._sizes)
        cell = cell.masked_fill_(~kept, self._cells)
        first, rank = _arrivals(cell)
        limit = self._capacity.max_points_per_pillar
        if limit is not None:
            kept = kept & (rank < limit)
        most = min(self._capacity.max_pillars, len(points), self._cells)
        touched = (kept & (rank == 0)).cumsum(0)  # at its first point: which pillar it is
        has_place, number = is_spread(touched - 1, touched[-1:].sum(), most)
        has_place, number = has_place.index_select(0, first), number.index_select(0, first)
        seated = kept.sum()
        kept = kept & has_place
        spare = torch.arange(len(points), device=points.device) % _SPARE_PILLARS + most
        number = torch.where(kept, number, spare)
        place = torch.full_like(self._empty(points, most), self._cells)
        place.scatter_(0, number, cell.masked_fill(~kept, self._cells))
        counts = self._empty(points, most).scatter_add_(0, number, torch.ones_like(number))
        held = kept.sum()
        clipped = torch.stack((count - count.clamp(max=room), seated - held))
        return Padded(self._batch(points, number, place, counts), place, clipped, held)

    def _empty(self, points: Tensor, most: int) -> Tensor:
        size = most + _SPARE_PILLARS
        return torch.zeros(size, dtype=torch.int64, device=points.device)

    def _batch(self, points: Tensor, number: Tensor, place: Tensor, counts: Tensor) -> PillarBatch:
        columns = self._grid.size[1]
        row = place // columns
        nothing = torch.zeros_like(place)
        cells = torch.stack((nothing, row, place - row * columns), dim=1)
        # What is not finite would spread through the spare rows' sums.
        points = points.nan_to_num(0, 0, 0)
        return PillarBatch(points, number, cells, counts.clamp(min=1), 1, Clipped(), nothing)


def _arrivals(cell: Tensor) -> tuple[Tensor, Tensor]:
    """Of every point ``[N]`` its cell's first point, and how many came to the cell before it."""
    ordered, order = cell.sort(stable=True)
    position = torch.arange(len(cell), device=cell.device)
    begins = torch.ones_like(cell, dtype=torch.bool)
    begins[1:] = ordered[1:] != ordered[:-1]
    start = position.masked_fill(~begins, 0).cummax(0).values
    first, rank = torch.empty_like(order), torch.empty_like(order)
    first.scatter_(0, order, order.index_select(0, start))
    rank.scatter_(0, order, position - start)
    return first, rank
