"""Find the anchors that overlap boxes, by looking only in the cells around each box."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.bev.anchors import footprint_iou, level_anchors, nearest_footprint
from pd_ros.detection.config.bev import ModelConfig

# What rounding may move an anchor's border by, and far more.
_MARGIN_M = 1e-3


class Overlaps(NamedTuple):
    """Pairs that share some ground; those of one anchor are in the order of the boxes."""

    anchor: Tensor  # [P] int64
    box: Tensor  # [P] int64
    iou: Tensor  # [P] > 0, of footprints turned to the nearest right angle (PointPillars, 3.1)


class AnchorLattice:
    """The anchors of a config with the places of their rows and columns."""

    def __init__(self, config: ModelConfig) -> None:
        self._levels = [_Level(anchors) for anchors in level_anchors(config)]

    def overlaps(self, boxes: Tensor, members: Sequence[int]) -> Overlaps:
        """Pairs of anchors and boxes ``[M, 7]``; ``members``: which anchors of each cell."""
        found, first = [], 0
        for level in self._levels:
            pairs = level.overlaps(boxes, torch.tensor(members))
            found.append(pairs._replace(anchor=pairs.anchor + first))
            first += level.anchors
        return Overlaps(*(torch.cat(parts) for parts in zip(*found, strict=True)))


class _Level:
    """Anchors ``[rows, columns, A, 7]`` of one map, as :func:`level_anchors` gives them."""

    def __init__(self, anchors: Tensor) -> None:
        self.anchors = anchors.shape[:3].numel()
        self._x, self._y = anchors[0, :, 0, 0].contiguous(), anchors[:, 0, 0, 1].contiguous()
        self._per_cell = anchors.shape[2]
        self._footprints = nearest_footprint(anchors.flatten(0, 2))

    def overlaps(self, boxes: Tensor, members: Tensor) -> Overlaps:
        """As of the lattice."""
        footprints = nearest_footprint(boxes)
        of_cell = self._footprints[members]
        reach = (of_cell[:, 2:] - of_cell[:, :2]).amax(dim=0) / 2 + _MARGIN_M
        low, high = (footprints[:, :2] - reach).T, (footprints[:, 2:] + reach).T
        column, in_columns = _window(self._x, low[0].contiguous(), high[0].contiguous())
        row, in_rows = _window(self._y, low[1].contiguous(), high[1].contiguous())
        cell = row[:, :, None] * len(self._x) + column[:, None]
        anchor = cell[..., None] * self._per_cell + members
        iou = footprint_iou(self._footprints[anchor], footprints[:, None, None, None])
        shared = (iou > 0) & (in_rows[:, :, None] & in_columns[:, None])[..., None]
        return Overlaps(anchor[shared], shared.nonzero()[:, 0], iou[shared])


def _window(places: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers ``[M, W]`` of the rising places within bounds ``[M]``, and which are within."""
    first, end = torch.searchsorted(places, low), torch.searchsorted(places, high)
    width = int((end - first).max()) if len(low) else 0
    number = first[:, None] + torch.arange(width)
    return number.clamp(max=len(places) - 1), number < end[:, None]
