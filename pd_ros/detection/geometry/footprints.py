"""Footprints of boxes: which may overlap, and how far they do to a part in a million.

Ten times as fast as the exact overlaps of ``overlap.py``, for what only asks whether an overlap
is greater than a threshold.
"""

import torch
from torch import Tensor

_LEVEL = 1e-200  # keeps a level edge, through which nothing flows, from a division by zero
_STEEP = 1e-7  # an edge that moves less is upright: differences would be lost in rounding
_FARTHEST = 1 << 20  # cells; what lies beyond shares the last one
_TOUCH = 1 + 1e-9  # rounding parts nobody
_PAIRS_PER_BLOCK = 1 << 13  # what fits into a core's cache


class Footprints:
    """Boxes ``[N, 7]`` from above, in a grid whose cells are as wide as two that may overlap.

    ``iou``: pairs that overlap no more are of no interest. A box of circumradius R has at most
    ``(1 - s / R) / 2`` of its area beyond a line at distance s from its centre, because it is
    convex and looks the same turned around; and with the centre of another box d away, whose
    circumradius is r, what they share lies beyond the line at ``d - r``. So a pair overlaps by
    more than ``iou`` only if ``d <= r + (1 - 2 iou) R``, or, from one half on, if ``d <= r``,
    where r is the smaller radius.
    """

    def __init__(self, boxes: Tensor, iou: float = 0.0) -> None:
        x, y, _, length, width, _, yaw = boxes.double().unbind(1)
        # A row for each: centre, axis, half sizes.
        self._rows = torch.stack((x, y, yaw.cos(), yaw.sin(), length / 2, width / 2))
        self._radius = torch.hypot(self._rows[4], self._rows[5])
        self._larger = max(1 - 2 * iou, 0.0)  # share of the larger radius in the reach
        self._keys, self._columns = self._cells()

    def rivals(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Pairs of a box of ``first`` and a later one of ``second`` that may overlap enough.

        Takes and gives indices of boxes.
        """
        keys, order = self._keys.index_select(0, second).sort()
        around = torch.arange(-1, 2, device=keys.device)[:, None] * self._columns
        middle = (self._keys.index_select(0, first) + around).flatten()
        begin = torch.searchsorted(keys, middle - 1)
        count = torch.searchsorted(keys, middle + 1, right=True) - begin
        query = torch.repeat_interleave(count)
        place = torch.arange(len(query), device=keys.device)
        place += (begin - count.cumsum(0) + count).index_select(0, query)
        one = first.repeat(3).index_select(0, query)
        other = second.index_select(0, order).index_select(0, place)
        later = (one < other).nonzero().squeeze(1)
        return self._within_reach(one.index_select(0, later), other.index_select(0, later))

    def overlaps(self, first: Tensor, second: Tensor) -> Tensor:
        """Bird's-eye IoU of paired boxes, by their indices ``[P]``, within 1e-6: ``[P]``."""
        blocks = (torch.split(each, _PAIRS_PER_BLOCK) for each in (first, second))
        return torch.cat([
            _iou(self._rows.index_select(1, a), self._rows.index_select(1, b))
            for a, b in zip(*blocks, strict=True)
        ])  # fmt: skip

    def _cells(self) -> tuple[Tensor, Tensor]:
        """The cell of each box, row by row, and how many cells a row has."""
        centres = self._rows[:2]
        size = (1 + self._larger) * self._radius.amax() * (1 + 1e-6)
        cells = (centres - centres.amin(dim=1, keepdim=True)) / size
        column, row = cells.nan_to_num(0.0).clamp(0, _FARTHEST).long().unbind(0)
        columns = column.amax() + 3  # an empty one on either side: no neighbour in the next row
        return row * columns + column, columns

    def _within_reach(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        centres = self._rows[:2]
        apart = centres.index_select(1, first) - centres.index_select(1, second)
        one, other = (self._radius.index_select(0, each) for each in (first, second))
        reach = torch.minimum(one, other)
        if self._larger:
            reach += self._larger * torch.maximum(one, other)
        near = (apart.square().sum(dim=0) <= reach.square() * _TOUCH).nonzero().squeeze(1)
        return first.index_select(0, near), second.index_select(0, near)


def _iou(a: Tensor, b: Tensor) -> Tensor:
    area_a, area_b = 4 * a[4] * a[5], 4 * b[4] * b[5]
    shared = _shared_area(a, b)
    iou = shared / (area_a + area_b - shared)
    return torch.where((area_a > 0) & (area_b > 0), iou, 0.0)


def _shared_area(a: Tensor, b: Tensor) -> Tensor:
    """Area ``[P]`` that paired footprints ``[6, P]`` share.

    By the divergence theorem, in ``a``'s frame: of a flow along x that gains 1 in each metre
    within ``a``, and nothing elsewhere, as much more leaves ``b`` than enters it.
    """
    dx, dy = (b[:2] - a[:2]).unbind(0)
    x, y = _seen_from(dx, dy, a)
    cos, sin = _seen_from(b[2], b[3], a)
    half_length, half_width = a[4], a[5]
    corners_x = _corners(x, b[4] * cos, b[5] * -sin)
    corners_y = _corners(y, b[4] * sin, b[5] * cos)
    # Edges go from corner to corner, moved along them to where a's flow begins and ends.
    level = corners_y.clamp(-half_width, half_width)
    moved = level - corners_y
    slopes = torch.stack((cos / (sin + _LEVEL), -sin / (cos + _LEVEL))).repeat(2, 1)
    begins = torch.addcmul(corners_x[:-1], moved[:-1], slopes)
    ends = torch.addcmul(corners_x[1:], moved[1:], slopes)
    return (_mean_flow(begins, ends, half_length) * (level[1:] - level[:-1])).sum(dim=0)


def _mean_flow(begins: Tensor, ends: Tensor, half_length: Tensor) -> Tensor:
    """Mean of x, held between -half length and half length, from begin to end: all ``[4, P]``."""
    one, other = (x.clamp(-half_length, half_length) for x in (begins, ends))
    # Of x held so the integral is held * (x - held / 2).
    gain = other * ends.sub(other, alpha=0.5) - one * begins.sub(one, alpha=0.5)
    way = ends - begins
    steep = way.abs() > _STEEP * half_length
    return torch.where(steep, gain / way, (one + other) / 2)


def _seen_from(x: Tensor, y: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
    """Vectors in the frames of footprints ``[6, P]``: each ``[P]``."""
    cos, sin = a[2], a[3]
    return torch.addcmul(x * cos, y, sin), torch.addcmul(y * cos, x, sin, value=-1)


def _corners(centre: Tensor, ahead: Tensor, aside: Tensor) -> Tensor:
    """One coordinate of the corners, counter-clockwise, the first one again at the end: [5, P]."""
    left, right = centre + aside, centre - aside
    first = left + ahead
    return torch.stack((first, left - ahead, right - ahead, right + ahead, first))
