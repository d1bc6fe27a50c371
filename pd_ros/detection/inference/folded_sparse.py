"""The sparse encoder for evaluation on a CPU in half precision, which spconv does not have there.

Every sparse convolution is a table: for each output voxel, which input voxel lies under each place
of the kernel. Rows are gathered by the table and multiplied by the whole kernel at once.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pd_ros.detection.bev.sparse_encoder import Layout, Residual, SparseEncoder
from pd_ros.detection.inference.folded_encoder import CanvasBuffer
from pd_ros.detection.types import PillarBatch

# Values gathered at a time: they stay in the cache until they are multiplied.
_GATHERED = 1 << 20
_CENTRE = 13  # of the 27 places of a kernel


class _Sites(NamedTuple):
    """Voxels that are not empty, by their place, in a grid with an empty border around it."""

    keys: Tensor  # [V] int32, rising: sample, layer, row, column as one number
    shape: tuple[int, int, int]  # layers, rows, columns, without the border


class _Kernel(NamedTuple):
    """A convolution with its batch norm: ``weight [places * C, width]``, ``bias [width]``."""

    weight: Tensor
    bias: Tensor


class _Strided(NamedTuple):
    kernel: _Kernel
    size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]


class FoldedSparseEncoder:
    """A trained ``SparseEncoder`` with batch norm folded; differences are those of rounding.

    The first convolution reads coordinates, for which half precision is too coarse: it stays in
    float32, and so do all sums within a product.
    """

    def __init__(self, encoder: SparseEncoder, precision: torch.dtype) -> None:
        self._mean = encoder
        self._shape = encoder.shape
        self._precision = precision
        self._buffer = CanvasBuffer()
        stem: Any
        stem, *rest = encoder.stages
        self._stem = _fold(stem[0], stem[1], torch.float32)
        self._stages = [self._prepare(stage) for stage in rest]

    def __call__(self, batch: PillarBatch) -> Tensor:
        """Mean of the points of each voxel: ``[V, 3 + C]``; no voxels give no rows."""
        features: Tensor = self._mean(batch)
        return features

    def canvas(self, features: Tensor, batch: PillarBatch) -> Tensor:
        """Canvas ``[B, out * height left, rows / 8, columns / 8]``; zeros without voxels.

        It is valid until the next call.
        """
        if not len(features):
            return self._mean.canvas(features, batch)
        sites = _place(batch, self._shape)
        table = _neighbours(sites)
        features = torch.relu_(_convolve(features, table, self._stem)).to(self._precision)
        for stage in self._stages:
            if isinstance(stage, _Strided):
                sites, strided = _reach(sites, stage)
                features = torch.relu_(_convolve(features, strided, stage.kernel))
                table = table[:0]
                continue
            if not len(table):  # shared by all submanifold layers between two strides
                table = _neighbours(sites)
            inner = features
            for number, kernel in enumerate(stage):
                inner = _convolve(torch.relu_(inner) if number else inner, table, kernel)
            features = torch.relu_(inner if len(stage) == 1 else inner.add_(features))
        index = torch.stack(_unpack(sites), dim=1)
        layout = Layout(index, sites.shape, batch.batch_size, features.shape[1])
        return layout.canvas(self._buffer.write(features.flatten(), layout.place, layout.count))

    def _prepare(self, stage: Any) -> "_Strided | list[_Kernel]":
        """One strided convolution, one submanifold convolution, or the two of a residual block."""
        if isinstance(stage, Residual):
            parts = zip(stage.convolutions, stage.norms, stage.biases, strict=True)
            return [_fold(layer, norm, self._precision, bias) for layer, norm, bias in parts]
        convolution, norm = stage[0], stage[1]
        kernel = _fold(convolution, norm, self._precision)
        if convolution.subm:
            return [kernel]
        step = (convolution.kernel_size, convolution.stride, convolution.padding)
        return _Strided(kernel, *map(tuple, step))


def _fold(
    convolution: Any, norm: nn.Module, precision: torch.dtype, bias: Tensor | None = None
) -> _Kernel:
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_mean is not None and norm.running_var is not None
    scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
    kernel = convolution.weight.detach() * scale.view(-1, 1, 1, 1, 1)  # width, 3 sizes, C
    before = 0.0 if bias is None else bias.detach()
    shift = norm.bias.detach() + (before - norm.running_mean) * scale
    flat = kernel.flatten(1).T.contiguous()
    return _Kernel(flat.to(precision), shift.to(precision))


def _convolve(features: Tensor, table: Tensor, kernel: _Kernel) -> Tensor:
    """Rows ``[V, C]`` by a table ``[U, places]``, where V stands for nothing: ``[U, width]``."""
    rows = torch.cat((features, features.new_zeros(1, features.shape[1])))
    result = features.new_empty(len(table), len(kernel.bias))
    count = max(1, _GATHERED // len(kernel.weight))
    for part, out in zip(torch.split(table, count), torch.split(result, count), strict=True):
        gathered = rows.index_select(0, part.flatten()).view(len(part), -1)
        torch.addmm(kernel.bias, gathered, kernel.weight, out=out)
    return result


def _place(batch: PillarBatch, shape: tuple[int, int, int]) -> _Sites:
    sample, row, column = batch.cells.unbind(1)
    return _Sites(_pack((sample, batch.layers, row, column), shape), shape)


def _pack(index: Sequence[Tensor], shape: tuple[int, int, int]) -> Tensor:
    layers, rows, columns = (size + 2 for size in shape)
    sample, layer, row, column = index
    return (((sample * layers + layer + 1) * rows + row + 1) * columns + column + 1).int()


def _unpack(sites: _Sites) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    layers, rows, columns = (size + 2 for size in sites.shape)
    keys = sites.keys.long()
    plane = keys // columns
    volume = plane // rows
    return volume // layers, volume % layers - 1, plane % rows - 1, keys % columns - 1


def _neighbours(sites: _Sites) -> Tensor:
    """Table ``[V, 27]`` of a submanifold 3 x 3 x 3 convolution.

    The keys rise, so the three voxels of a row of the kernel follow each other where they are
    there. Whoever has a neighbour behind is the neighbour before: one half gives the other.
    """
    keys, count = sites.keys, len(sites.keys)
    own = torch.arange(count)
    table = own.new_full((27, count), count)
    table[_CENTRE] = own
    _, rows, columns = (size + 2 for size in sites.shape)
    for first in (12, 15, 18, 21, 24):  # rows of the kernel, from the centre's own
        layer, row = first // 9 - 1, first // 3 % 3 - 1
        wanted = keys + ((layer * rows + row) * columns - 1)
        place = torch.searchsorted(keys, wanted)
        for number in range(first, first + 3):
            hit = keys.index_select(0, place.clamp(max=count - 1)) == wanted
            if number > _CENTRE:
                here = hit.nonzero().squeeze(1)
                there = place.index_select(0, here)
                table[number].index_copy_(0, here, there)
                table[26 - number].index_copy_(0, there, here)
            place, wanted = place + hit, wanted + 1
    return table.T.contiguous()


def _reach(sites: _Sites, step: _Strided) -> tuple[_Sites, Tensor]:
    """All places that a strided kernel reaches, and their table ``[U, places]``."""
    sizes = zip(sites.shape, step.size, step.stride, step.padding, strict=True)
    shape = tuple((cells + 2 * pad - size) // stride + 1 for cells, size, stride, pad in sizes)
    assert len(shape) == 3
    sample, *index = _unpack(sites)
    axes = [
        list(_along(*axis))
        for axis in zip(index, step.size, step.stride, step.padding, shape, strict=True)
    ]
    sources, targets = [], []
    for (z, z_there), (y, y_there), (x, x_there) in itertools.product(*axes):
        source = (z_there & y_there & x_there).nonzero().squeeze(1)
        place = (values.index_select(0, source) for values in (sample, z, y, x))
        sources.append(source)
        targets.append(_pack(tuple(place), shape))
    keys, number = torch.unique(torch.cat(targets), return_inverse=True)
    table = number.new_full((len(sources), len(keys)), len(sites.keys))
    parts = zip(table, number.split([len(source) for source in sources]), sources, strict=True)
    for row, target, source in parts:
        row.index_copy_(0, target, source)
    return _Sites(keys, shape), table.T.contiguous()


def _along(
    index: Tensor, size: int, stride: int, padding: int, cells: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Output place under each place of a kernel along one axis, and whether there is one."""
    for number in range(size):
        from_zero = index + (padding - number)
        place = torch.div(from_zero, stride, rounding_mode="floor")
        yield place, (from_zero % stride == 0) & (place >= 0) & (place < cells)
