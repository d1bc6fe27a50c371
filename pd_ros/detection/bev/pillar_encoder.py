"""Pillar feature network: the points of each pillar to one feature row, and rows to a canvas."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx

from pd_ros.detection.types import PillarBatch


class PillarEncoder(nn.Module):
    """PointNet over each pillar (PointPillars section 2.1; two layers as in SparseKD's pillars).

    Each point is described by its own values, its offset from the mean of its pillar's points and
    its offset from the pillar's centre. All layers but the last append the pillar's maximum to
    every point; the last one returns it. ``places``: how many points a pillar has room for, if the
    places that stay empty are to count as points of zeros (OpenPCDet's ``PillarVFE``).
    """

    def __init__(
        self,
        point_channels: int,
        widths: Sequence[int],
        range_m: Sequence[float],
        pillar_size_m: Sequence[float],
        size: tuple[int, int],
        places: int | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.places = places
        self.register_buffer("_origin", torch.tensor(range_m[:3]), persistent=False)
        height = range_m[5] - range_m[2]
        self.register_buffer(
            "_pillar_size", torch.tensor([*pillar_size_m, height]), persistent=False
        )
        channels = point_channels + 6
        self.layers = nn.ModuleList()
        for width in widths:
            last = len(self.layers) == len(widths) - 1
            out = width if last else width // 2  # the other half is the pillar's maximum
            self.layers.append(PillarLayer(channels, out))
            channels = width
        self.out_channels = channels

    def forward(self, batch: PillarBatch) -> Tensor:
        """One feature row per pillar: ``[V, widths[-1]]``; no pillars give no rows."""
        features, pillar = self._describe(batch), batch.point_pillar
        empty, pillars = self._with_room(batch), len(batch.cells)
        if len(empty):  # all empty places of a pillar are alike: one stands for them
            nothing = features.new_zeros(len(empty), features.shape[1])
            features, pillar = torch.cat((features, nothing)), torch.cat((pillar, empty))
        for layer in self.layers[:-1]:
            features = layer(features)
            highest = pillar_max(features, pillar, pillars)
            features = torch.cat((features, highest.index_select(0, pillar)), dim=1)
        return pillar_max(self.layers[-1](features), pillar, pillars)

    def canvas(self, features: Tensor, batch: PillarBatch) -> Tensor:
        """Pillar rows ``[V, C]`` in their cells: ``[B, C, rows, columns]``, channels last."""
        return scatter_to_canvas(features, batch.cells, batch.batch_size, self.size)

    @property
    def pillar_layers(self) -> "list[PillarLayer]":
        """The layers, first to last."""
        return [layer for layer in self.layers if isinstance(layer, PillarLayer)]

    def _with_room(self, batch: PillarBatch) -> Tensor:
        """Numbers ``[E]`` of the pillars whose empty places count."""
        if self.places is None:
            return batch.counts[:0]
        return (batch.counts < self.places).nonzero().squeeze(1)

    def mean_and_centre(self, batch: PillarBatch) -> tuple[Tensor, Tensor]:
        """Mean of each pillar's points and middle of its volume: ``[V, 3]``, ``[V, 3]`` in m."""
        # Axis by axis: a CPU adds up single values in half of the time of rows.
        total = batch.points.new_zeros(3, len(batch.cells))
        for sums, values in zip(total, batch.points[:, :3].unbind(1), strict=True):
            sums.scatter_add_(0, batch.point_pillar, values)
        assert isinstance(self._pillar_size, Tensor) and isinstance(self._origin, Tensor)
        place = torch.full_like(total, 0.5)
        place[:2] += batch.cells[:, 1:].T.flip(0)
        centre = place * self._pillar_size[:, None] + self._origin[:, None]
        return (total / batch.counts).T, centre.T

    def _describe(self, batch: PillarBatch) -> Tensor:
        xyz = batch.points[:, :3]
        mean, centre = self.mean_and_centre(batch)
        from_mean = xyz - mean.index_select(0, batch.point_pillar)
        from_centre = xyz - centre.index_select(0, batch.point_pillar)
        return torch.cat((batch.points, from_mean, from_centre), dim=1)


class PillarLayer(nn.Module):
    """Linear, batch norm, ReLU on every point: ``[P, C]`` -> ``[P, width]``."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, width, bias=False)
        self.norm = nn.BatchNorm1d(width, eps=1e-3, momentum=0.01)

    def forward(self, points: Tensor) -> Tensor:
        """Features of the points; batch norm needs more than one point in training."""
        return torch.relu(self.norm(self.linear(points)))


def pillar_max(features: Tensor, point_pillar: Tensor, pillars: int) -> Tensor:
    """Maximum over each pillar's points: ``[P, C]`` non-negative -> ``[V, C]``."""
    result = _PillarMax.apply(features, point_pillar, pillars)  # type: ignore[no-untyped-call]
    assert isinstance(result, Tensor)
    return result


class _PillarMax(torch.autograd.Function):
    """Scatter maximum with a light backward pass.

    Points that reach the maximum together share its gradient evenly, as in torch's own, which
    takes longer than all the rest of the encoder.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, features: Tensor, point_pillar: Tensor, pillars: int) -> Tensor:
        index = point_pillar[:, None].expand_as(features)
        highest = features.new_zeros(pillars, features.shape[1])
        highest.scatter_reduce_(0, index, features, "amax")
        ctx.save_for_backward(features, point_pillar, highest)
        return highest

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        features, point_pillar, highest = ctx.saved_tensors
        winner = (features == highest.index_select(0, point_pillar)).to(gradient.dtype)
        index = point_pillar[:, None].expand_as(winner)
        winners = torch.zeros_like(gradient).scatter_add_(0, index, winner)
        return (gradient / winners).index_select(0, point_pillar).mul_(winner), None, None


def scatter_to_canvas(
    features: Tensor, cells: Tensor, batch_size: int, size: tuple[int, int]
) -> Tensor:
    """Write pillar rows ``[V, C]`` to their cells: ``[B, C, rows, columns]``, channels last."""
    rows, columns = size
    canvas = features.new_zeros(batch_size * rows * columns, features.shape[1])
    index = (cells[:, 0] * rows + cells[:, 1]) * columns + cells[:, 2]
    canvas.index_copy_(0, index, features)
    return canvas.view(batch_size, rows, columns, -1).permute(0, 3, 1, 2)
