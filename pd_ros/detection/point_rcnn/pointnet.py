"""PointNet++ layers: set abstraction over several radii, and the way back to all points."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from pd_ros.detection.point_rcnn.ops import (
    ball_query,
    furthest_point_sample,
    gather_points,
    interpolate,
)


def shared_mlp(widths: Sequence[int]) -> nn.Sequential:
    """The same layers for every point of every ball: ``[B, widths[0], M, K]`` in."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Conv2d(before, after, 1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class SetAbstraction(nn.Module):
    """Fewer points, each with the maximum over the balls about it (PointNet++ section 3.2, 3.3).

    For each radius a network over offsets and features of the ball's points; the results of all
    radii stand side by side.
    """

    def __init__(
        self,
        points: int,
        radii_m: Sequence[float],
        neighbours: Sequence[int],
        in_channels: int,
        widths: Sequence[Sequence[int]],
    ) -> None:
        super().__init__()
        self._points = points
        self._balls = tuple(zip(radii_m, neighbours, strict=True))
        self.networks = nn.ModuleList(shared_mlp((in_channels + 3, *w)) for w in widths)
        self.out_channels = sum(w[-1] for w in widths)

    def forward(self, points: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """``[B, N, 3]``, ``[B, C, N]`` -> centres ``[B, M, 3]``, ``[B, out_channels, M]``."""
        chosen = furthest_point_sample(points, self._points)
        centres = gather_points(points.mT, chosen).mT
        found = []
        for (radius, count), network in zip(self._balls, self.networks, strict=True):
            index = ball_query(points, centres, radius, count)
            offsets = gather_points(points.mT, index) - centres.mT[..., None]
            ball = torch.cat((offsets, gather_points(features, index)), dim=1)
            found.append(network(ball).amax(dim=3))
        return centres, torch.cat(found, dim=1)


class GlobalAbstraction(nn.Module):
    """All points of a cloud into one feature row, without sampling."""

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.network = shared_mlp((in_channels + 3, *widths))
        self.out_channels = widths[-1]

    def forward(self, points: Tensor, features: Tensor) -> Tensor:
        """``[B, N, 3]``, ``[B, C, N]`` -> ``[B, out_channels]``."""
        everything = torch.cat((points.mT, features), dim=1)[:, :, None]
        result: Tensor = self.network(everything)
        return result.amax(dim=3).squeeze(2)


class FeaturePropagation(nn.Module):
    """Features of few points carried to many, beside what these have (PointNet++ section 3.4)."""

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.network = shared_mlp((in_channels, *widths))

    def forward(self, points: Tensor, known: Tensor, own: Tensor, features: Tensor) -> Tensor:
        """``[B, N, 3]``, ``[B, M, 3]``, ``[B, C, N]``, ``[B, D, M]`` -> ``[B, widths[-1], N]``."""
        joined = torch.cat((interpolate(points, known, features), own), dim=1)
        result: Tensor = self.network(joined[..., None])
        return result.squeeze(3)


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
