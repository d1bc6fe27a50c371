"""CenterPoint head: objects as peaks of a heatmap, with their box beside it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from pd_ros.detection.types import HeadMaps

# A prior of about 0.1 for every cell, so that the first steps are not drowned by background.
_HEATMAP_BIAS = -2.19
# Of a group of classes: offset, height, size, rotation.
_OUTPUTS = (2, 1, 3, 2)


class CenterHead(nn.Module):
    """Shared convolution and a two-layer branch per output (CenterPoint section 4).

    Each of the ``groups`` of classes (their numbers) has branches of its own. What the branches
    of all groups say of the same thing is one branch here, of grouped convolutions.
    """

    _classes: Tensor | None  # [K] where there are several groups: the heatmap's channels
    _values: Tensor | None  # [G * 8 or 10] the box map's

    def __init__(
        self,
        in_channels: int,
        width: int,
        groups: Sequence[Sequence[int]],
        direction: bool = False,
        quality: bool = False,
        velocity: bool = False,
    ) -> None:
        super().__init__()
        self.shared = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        count = len(groups)
        self.heatmap = _branch(width, widest(groups), count)
        self.offset = _branch(width, 2, count)
        self.height = _branch(width, 1, count)
        self.size = _branch(width, 3, count)
        self.rotation = _branch(width, 4 if direction else 2, count)
        self.velocity = _branch(width, 2, count) if velocity else None
        self.quality = _branch(width, 1) if quality else None
        self._box_values = sum(_OUTPUTS) + 2 * velocity
        self._direction = direction
        several = count > 1
        values = _value_order((*_OUTPUTS, 2) if velocity else _OUTPUTS, count)
        self.register_buffer("_classes", _class_order(groups) if several else None, False)
        self.register_buffer("_values", values if several else None, False)
        final = self.heatmap[-1]
        assert isinstance(final, nn.Conv2d) and final.bias is not None
        nn.init.constant_(final.bias, _HEATMAP_BIAS)

    def forward(self, neck: Tensor) -> HeadMaps:
        """Heatmap logits ``[B, K, H, W]``, box map, and what else it tells.

        The box map ``[B, G * 8, H, W]``, with velocity ``G * 10``, is that of one group after the
        other.
        """
        shared = self.shared(neck)
        branches = [self.offset, self.height, self.size, self.rotation]
        if self.velocity is not None:
            branches.append(self.velocity)
        values = torch.cat([branch(shared) for branch in branches], dim=1)
        heatmap, box, direction = self.heatmap(shared), values, None
        if self._direction:
            box, direction = values[:, : self._box_values], values[:, self._box_values :]
        if self._classes is not None and self._values is not None:
            heatmap, box = heatmap[:, self._classes], box[:, self._values]
        quality = None if self.quality is None else self.quality(shared)
        return HeadMaps(heatmap, box, direction, quality)


def widest(groups: Sequence[Sequence[int]]) -> int:
    """Classes of the largest group; the heatmaps of all groups have as many channels."""
    return max(len(group) for group in groups)


def _class_order(groups: Sequence[Sequence[int]]) -> Tensor:
    """Channel of each class in the heatmaps of all groups, one group after the other."""
    channels = {
        number: position * widest(groups) + place
        for position, group in enumerate(groups)
        for place, number in enumerate(group)
    }
    return torch.tensor([channels[number] for number in sorted(channels)])


def _value_order(outputs: Sequence[int], groups: int) -> Tensor:
    """From one branch after the other, each of all groups, to one group after the other.

    Counted by numpy: on the device of an outline torch's ``arange`` and ``cat`` would first
    import its compiler and sympy, for a second and 70 MB.
    """
    channels = np.arange(groups * sum(outputs))
    branches = np.split(channels, groups * np.cumsum(outputs)[:-1])
    by_group = np.concatenate([branch.reshape(groups, -1) for branch in branches], axis=1)
    return torch.tensor(by_group.ravel())


def _branch(width: int, outputs: int, groups: int = 1) -> nn.Sequential:
    branch = nn.Sequential(
        nn.Conv2d(width, groups * width, 3, padding=1),
        nn.BatchNorm2d(groups * width),
        nn.ReLU(inplace=True),
        nn.Conv2d(groups * width, groups * outputs, 3, padding=1, groups=groups),
    )
    for module in branch:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    return branch
