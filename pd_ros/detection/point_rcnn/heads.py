"""Both heads of PointRCNN: one for every point, one for every proposal."""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pd_ros.detection.point_rcnn.pointnet import (
    AbstractionShape,
    GlobalAbstraction,
    SetAbstraction,
    shared_mlp,
)


class PointHead(nn.Module):
    """Classes and a box for every point (PointRCNN section 3.1, 3.2)."""

    def __init__(self, in_channels: int, widths: Sequence[int], classes: int) -> None:
        super().__init__()
        self.classes = _branch(in_channels, widths, classes)
        self.box = _branch(in_channels, widths, 8)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features ``[B, C, N]`` -> logits ``[B, K, N]``, differences ``[B, 8, N]``."""
        return self.classes(features), self.box(features)


class RefinementHead(nn.Module):
    """Score and better box for every proposal, from its points (PointRCNN section 3.3).

    A point has its place in the proposal's frame, its score and its depth, beside the features of
    the first stage.
    """

    def __init__(
        self,
        features: int,
        embedding: Sequence[int],
        abstraction: Sequence[AbstractionShape],
        last: Sequence[int],
        head: Sequence[int],
    ) -> None:
        super().__init__()
        self.embed = shared_mlp((5, *embedding))
        self.merge = shared_mlp((embedding[-1] + features, features))
        self.abstraction = nn.ModuleList()
        channels = features
        for level in abstraction:
            layer = SetAbstraction(
                level.points, level.radii_m, level.neighbours, channels, level.widths
            )
            self.abstraction.append(layer)
            channels = layer.out_channels
        self.last = GlobalAbstraction(channels, last)
        self.score = _branch(self.last.out_channels, head, 1)
        self.box = _branch(self.last.out_channels, head, 7)

    def forward(self, points: Tensor, values: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Points ``[R, P, 3]``, score and depth ``[R, 2, P]``, features ``[R, C, P]``.

        Returns logits ``[R]`` and differences ``[R, 7]`` from the proposals in their own frames.
        """
        own = torch.cat((points.mT, values), dim=1)
        joined = torch.cat((self.embed(own[..., None]), features[..., None]), dim=1)
        merged = self.merge(joined).squeeze(3)
        for layer in self.abstraction:
            points, merged = layer(points, merged)
        pooled = self.last(points, merged)[..., None]
        return self.score(pooled).flatten(), self.box(pooled).squeeze(2)


def _branch(in_channels: int, widths: Sequence[int], out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((in_channels, *widths)):
        layers += [nn.Conv1d(before, after, 1, bias=False), nn.BatchNorm1d(after), nn.ReLU(True)]
    return nn.Sequential(*layers, nn.Conv1d(widths[-1], out, 1))
