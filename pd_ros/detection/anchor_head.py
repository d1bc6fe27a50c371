"""Anchor head: for every anchor of a cell its classes, its box, and which way it looks."""

import math

from torch import Tensor, nn

from pd_ros.detection.types import HeadMaps

# A prior of 0.01 for every anchor, so that the first steps are not drowned by background.
_PRIOR = 0.01


class AnchorHead(nn.Module):
    """Three 1 x 1 convolutions on the neck's map (SECOND section 3.1.4, PointPillars section 2.3).

    Channels: anchor by anchor; of each ``classes`` logits, 7 differences, 2 directions.
    """

    def __init__(self, in_channels: int, anchors: int, classes: int) -> None:
        super().__init__()
        self.classes = nn.Conv2d(in_channels, anchors * classes, 1)
        self.box = nn.Conv2d(in_channels, anchors * 7, 1)
        self.direction = nn.Conv2d(in_channels, anchors * 2, 1)
        assert self.classes.bias is not None
        nn.init.constant_(self.classes.bias, -math.log((1 - _PRIOR) / _PRIOR))
        nn.init.normal_(self.box.weight, std=0.001)

    def forward(self, neck: Tensor) -> HeadMaps:
        """Maps of all anchors; ``heatmap`` holds their class logits."""
        return HeadMaps(self.classes(neck), self.box(neck), self.direction(neck))


def by_anchor(head_map: Tensor, values: int) -> Tensor:
    """``[B, A * values, H, W]`` -> ``[B, H * W * A, values]``, as ``make_anchors`` orders them."""
    return head_map.permute(0, 2, 3, 1).reshape(head_map.shape[0], -1, values)
