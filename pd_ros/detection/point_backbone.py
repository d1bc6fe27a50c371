"""PointNet++ over a cloud and back: features for every point (PointRCNN section 3.1)."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from pd_ros.detection.pointnet import FeaturePropagation, SetAbstraction


class AbstractionShape(NamedTuple):
    """One level of set abstraction."""

    points: int
    radii_m: tuple[float, ...]
    neighbours: tuple[int, ...]
    widths: tuple[tuple[int, ...], ...]  # for each radius


class PointBackbone(nn.Module):
    """Levels of set abstraction, and as many of propagation on the way back.

    ``propagation[i]`` are the widths of the network that brings features to the points of level
    ``i``, 0 being all points.
    """

    def __init__(
        self,
        in_channels: int,
        abstraction: Sequence[AbstractionShape],
        propagation: Sequence[Sequence[int]],
    ) -> None:
        super().__init__()
        channels = [in_channels]
        self.abstraction = nn.ModuleList()
        for level in abstraction:
            layer = SetAbstraction(
                level.points, level.radii_m, level.neighbours, channels[-1], level.widths
            )
            self.abstraction.append(layer)
            channels.append(layer.out_channels)
        self.propagation = nn.ModuleList()
        coming = channels[-1]
        for own, widths in zip(channels[-2::-1], propagation[::-1], strict=True):
            self.propagation.append(FeaturePropagation(own + coming, widths))
            coming = widths[-1]
        self.out_channels = coming

    def forward(self, points: Tensor, features: Tensor) -> Tensor:
        """Points ``[B, N, 3]``, features ``[B, C, N]`` -> ``[B, out_channels, N]``."""
        levels = [(points, features)]
        for layer in self.abstraction:
            levels.append(layer(*levels[-1]))
        known, carried = levels.pop()
        for layer in self.propagation:
            own_points, own = levels.pop()
            carried = layer(own_points, known, own, carried)
            known = own_points
        return carried
