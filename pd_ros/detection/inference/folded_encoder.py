"""The pillar encoder for evaluation: the same function with a fraction of the work per point."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pd_ros.detection.bev.pillar_encoder import PillarEncoder
from pd_ros.detection.types import PillarBatch


class FoldedLayer(NamedTuple):
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
        self.places = encoder.places
        self.channels = encoder.out_channels
        self._size = encoder.size
        self._buffer = CanvasBuffer()
        folded = [_fold(layer.linear, layer.norm) for layer in encoder.pillar_layers]
        self.layers = [_split_first(*folded[0])]
        for weight, bias in folded[1:]:  # a point's features beside its pillar's maximum, as wide
            of_point, of_pillar = weight.T.chunk(2)
            self.layers.append(FoldedLayer(of_point, of_pillar, bias))

    def __call__(self, batch: PillarBatch) -> Tensor:
        """One feature row per pillar: ``[V, widths[-1]]``; no pillars give no rows."""
        pillar = torch.cat(self._mean_and_centre(batch), dim=1)
        point, place, pillars = batch.points, batch.point_pillar, len(batch.cells)
        room = None if self.places is None else batch.counts[:, None] < self.places
        nothing = _of_nothing(self.layers[0])
        for number, layer in enumerate(self.layers[:-1]):
            shift = torch.addmm(layer.bias, pillar, layer.of_pillar)
            point = torch.relu(point @ layer.of_point + shift.index_select(0, place))
            if number:
                nothing = torch.relu(nothing @ layer.of_point + shift)
            pillar = _also_nothing(_highest(point, place, pillars), nothing, room)
        last = self.layers[-1]
        highest = _highest(point @ last.of_point, place, pillars)
        if len(self.layers) > 1:
            highest = _also_nothing(highest, nothing @ last.of_point, room)
        rows = highest.add_(torch.addmm(last.bias, pillar, last.of_pillar)).relu_()
        return _also_nothing(rows, nothing, room) if len(self.layers) == 1 else rows

    def canvas(self, features: Tensor, batch: PillarBatch) -> Tensor:
        """Pillar rows ``[V, C]`` of one cloud: ``[1, C, rows, columns]``, valid until the next."""
        rows, columns = self._size
        place = batch.cells[:, 1] * columns + batch.cells[:, 2]
        flat = self._buffer.write(features, place, rows * columns)
        return flat.view(1, rows, columns, -1).permute(0, 3, 1, 2)


def _fold(linear: nn.Linear, norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor]:
    """Weight ``[width, C]`` and bias of a linear layer and its batch norm together."""
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    weight = linear.weight * scale[:, None]
    return weight.detach(), (norm.bias - norm.running_mean * scale).detach()


def _split_first(weight: Tensor, bias: Tensor) -> FoldedLayer:
    """From (values, offset from mean, offset from centre) to (values) and (mean, centre)."""
    values, mean, centre = weight[:, :-6].clone(), weight[:, -6:-3], weight[:, -3:]
    values[:, :3] += mean + centre
    return FoldedLayer(values.T.contiguous(), -torch.cat((mean, centre), dim=1).T, bias)


def _of_nothing(first: FoldedLayer) -> Tensor:
    """What the first layer makes of an empty place, which is all zeros: ``[width]``."""
    return torch.relu(first.bias)


def _also_nothing(highest: Tensor, nothing: Tensor, room: Tensor | None) -> Tensor:
    """Maxima ``[V, C]``, over the empty places, too, of the pillars ``[V, 1]`` that have some."""
    if room is None:
        return highest
    return torch.where(room, torch.maximum(highest, nothing), highest)


def _highest(features: Tensor, point_pillar: Tensor, pillars: int) -> Tensor:
    """Maximum over each pillar's points, whatever its sign: ``[P, C]`` -> ``[V, C]``."""
    index = point_pillar[:, None].expand_as(features)
    lowest = features.new_full((pillars, features.shape[1]), -torch.inf)
    return lowest.scatter_reduce_(0, index, features, "amax")


class CanvasBuffer:
    """Clears only what the last cloud wrote: a hundredth of a canvas.

    A fresh one is tens of megabytes of zeros, and of pages that the system has to find.
    """

    def __init__(self) -> None:
        self._flat = torch.zeros(0)
        self._written = torch.zeros(0, dtype=torch.int64)

    def write(self, values: Tensor, place: Tensor, count: int) -> Tensor:
        """``count`` entries, which are zero but for the values ``[V, ...]`` at places ``[V]``.

        Returns ``[count, ...]``, valid until the next call; all zeros without values.
        """
        shape = (count, *values.shape[1:])
        # Taken out while it is written: after an error in between a fresh one is made.
        flat, self._flat = self._flat, torch.zeros(0)
        if (flat.shape, flat.dtype, flat.device) == (shape, values.dtype, values.device):
            flat.index_fill_(0, self._written, 0)
        else:
            flat = values.new_zeros(shape)
        self._flat, self._written = flat.index_copy_(0, place, values), place
        return flat
