"""CenterPoint head: objects as peaks of a heatmap, with their box beside it."""

import torch
from torch import Tensor, nn

from pd_ros.detection.types import HeadMaps

# A prior of about 0.1 for every cell, so that the first steps are not drowned by background.
_HEATMAP_BIAS = -2.19
_BOX_VALUES = 8


class CenterHead(nn.Module):
    """Shared convolution and a two-layer branch per output (CenterPoint section 4)."""

    def __init__(
        self,
        in_channels: int,
        width: int,
        classes: int,
        direction: bool = False,
        quality: bool = False,
    ) -> None:
        super().__init__()
        self.shared = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        self.heatmap = _branch(width, classes)
        self.offset = _branch(width, 2)
        self.height = _branch(width, 1)
        self.size = _branch(width, 3)
        self.rotation = _branch(width, 4 if direction else 2)
        self.quality = _branch(width, 1) if quality else None
        self._direction = direction
        final = self.heatmap[-1]
        assert isinstance(final, nn.Conv2d) and final.bias is not None
        nn.init.constant_(final.bias, _HEATMAP_BIAS)

    def forward(self, neck: Tensor) -> HeadMaps:
        """Heatmap logits ``[B, K, H, W]``, box map ``[B, 8, H, W]``, and what else it tells."""
        shared = self.shared(neck)
        branches = (self.offset, self.height, self.size, self.rotation)
        values = torch.cat([branch(shared) for branch in branches], dim=1)
        direction = values[:, _BOX_VALUES:] if self._direction else None
        quality = None if self.quality is None else self.quality(shared)
        return HeadMaps(self.heatmap(shared), values[:, :_BOX_VALUES], direction, quality)


def _branch(width: int, outputs: int) -> nn.Sequential:
    branch = nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, outputs, 3, padding=1),
    )
    for module in branch:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    return branch
