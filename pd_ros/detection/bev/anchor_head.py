"""Anchor head: for every anchor of a cell its classes, its box, and which way it looks."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pd_ros.detection.bev.backbone import convolution_block
from pd_ros.detection.types import HeadMaps

# A prior of 0.01 for every anchor, so that the first steps are not drowned by background.
_PRIOR = 0.01


class AnchorHead(nn.Module):
    """Three 1 x 1 convolutions on the neck's map (SECOND section 3.1.4, PointPillars section 2.3).

    Channels: anchor by anchor; of each ``classes`` logits, ``box_values`` differences, 2
    directions. ``shared``: width of a 3 x 3 convolution before them, if there is to be one.
    """

    def __init__(
        self,
        in_channels: int,
        anchors: int,
        classes: int,
        box_values: int,
        shared: int | None = None,
    ) -> None:
        super().__init__()
        self.shared = None if shared is None else convolution_block(in_channels, shared, 1)
        in_channels = shared or in_channels
        self.classes = nn.Conv2d(in_channels, anchors * classes, 1)
        self.box = nn.Conv2d(in_channels, anchors * box_values, 1)
        self.direction = nn.Conv2d(in_channels, anchors * 2, 1)
        assert self.classes.bias is not None
        nn.init.constant_(self.classes.bias, -math.log((1 - _PRIOR) / _PRIOR))
        nn.init.normal_(self.box.weight, std=0.001)

    def forward(self, neck: Tensor) -> HeadMaps:
        """Maps of all anchors; ``heatmap`` holds their class logits."""
        if self.shared is not None:
            neck = self.shared(neck)
        return HeadMaps(self.classes(neck), self.box(neck), self.direction(neck))


class AnchorValues(NamedTuple):
    """What an anchor head says of each of all levels' N anchors, ordered as ``make_anchors``."""

    classes: Tensor  # [B, N, K] logits
    box: Tensor  # [B, N, 7 or 9] differences from the anchor
    direction: Tensor  # [B, N, 2] logits


def by_anchor(maps: HeadMaps) -> AnchorValues:
    """The maps of an anchor head in float32, anchor by anchor."""
    rows = [_rows(level) for level in maps.levels]
    return AnchorValues(*(torch.cat(levels, dim=1) for levels in zip(*rows, strict=True)))


def _rows(level: HeadMaps) -> tuple[Tensor, ...]:
    assert level.direction is not None
    anchors = level.direction.shape[1] // 2
    return tuple(
        values.float().permute(0, 2, 3, 1).reshape(len(values), -1, values.shape[1] // anchors)
        for values in (level.heatmap, level.box, level.direction)
    )
