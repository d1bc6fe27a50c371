"""The pillar encoder for evaluation: the same function with a fraction of the work per point."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pd_ros.detection.encoder import PillarEncoder
from pd_ros.detection.types import PillarBatch


class _Layer(NamedTuple):
    """A linear layer with its batch norm, split by what it is applied to."""

    of_point: Tensor  # [C, width]
    of_pillar: Tensor  # [D, width]
    bias: Tensor  # [width]


class FoldedPillarEncoder:
    """A trained ``PillarEncoder`` with batch norm folded and everything linear taken per pillar.

    The offsets of a point from its pillar's mean and centre are linear in the point, the mean and
    the centre, so the first layer multiplies only the point's own values per point. The last
    layer's ReLU and what its pillar adds are the same for all points of a pillar: they come after
    the maximum. Differences to ``PillarEncoder`` are those of rounding.
    """

    def __init__(self, encoder: PillarEncoder) -> None:
        self._mean_and_centre = encoder.mean_and_centre
        self.canvas = encoder.canvas
        folded = [_fold(layer.linear, layer.norm) for layer in encoder.pillar_layers]
        self._layers = [_split_first(*folded[0])]
        for weight, bias in folded[1:]:  # a point's features beside its pillar's maximum, as wide
            of_point, of_pillar = weight.T.chunk(2)
            self._layers.append(_Layer(of_point, of_pillar, bias))

    def __call__(self, batch: PillarBatch) -> Tensor:
        """One feature row per pillar: ``[V, widths[-1]]``; no pillars give no rows."""
        mean, centre = self._mean_and_centre(batch)
        point, pillar = batch.points, torch.cat((mean, centre), dim=1)
        for layer in self._layers[:-1]:
            shift = torch.addmm(layer.bias, pillar, layer.of_pillar)
            point = torch.relu(point @ layer.of_point + shift[batch.point_pillar])
            pillar = _highest(point, batch)
        last = self._layers[-1]
        highest = _highest(point @ last.of_point, batch)
        return torch.relu(highest + torch.addmm(last.bias, pillar, last.of_pillar))


def _fold(linear: nn.Linear, norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Weight ``[width, C]`` and bias of a linear layer and its batch norm together."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = linear.weight * scale[:, None]
    return weight.detach(), (norm.bias - norm.running_mean * scale).detach()


def _split_first(weight: Tensor, bias: Tensor) -> _Layer:
    """From (values, offset from mean, offset from centre) to (values) and (mean, centre)."""
    values, mean, centre = weight[:, :-6].clone(), weight[:, -6:-3], weight[:, -3:]
    values[:, :3] += mean + centre
    return _Layer(values.T.contiguous(), -torch.cat((mean, centre), dim=1).T, bias)


def _highest(features: Tensor, batch: PillarBatch) -> Tensor:
    """Maximum over each pillar's points, whatever its sign: ``[P, C]`` -> ``[V, C]``."""
    index = batch.point_pillar[:, None].expand_as(features)
    lowest = features.new_full((len(batch.cells), features.shape[1]), -torch.inf)
    return lowest.scatter_reduce_(0, index, features, "amax")
