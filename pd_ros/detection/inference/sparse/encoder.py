"""The sparse encoder for evaluation on a CPU, on as many threads as torch has.

spconv does not know half precision there, and works on one thread alone. Here a rulebook says
which rows of features a convolution multiplies; rows are gathered, and torch multiplies them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pd_ros.detection.bev.sparse_encoder import Layout, Residual, SparseEncoder
from pd_ros.detection.inference.folded_encoder import CanvasBuffer
from pd_ros.detection.inference.sparse.products import Kernel, convolve_pairs, convolve_table
from pd_ros.detection.inference.sparse.rulebook import (
    SUBMANIFOLD,
    Step,
    make_pairs,
    make_sites,
    make_table,
    match,
    reach,
)
from pd_ros.detection.types import PillarBatch


class _Layer(NamedTuple):
    """A strided convolution, a submanifold one, or the two of a residual block."""

    kernels: list[Kernel]
    step: Step | None  # None: submanifold


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
        # Half precision multiplies faster than it gathers and adds, so that zeros in one product
        # cost less than pairs in many; in float32 it is the other way round.
        exact = precision == torch.float32
        self._rules: Callable[..., Any] = make_pairs if exact else make_table
        self._convolve: Callable[..., Tensor] = convolve_pairs if exact else convolve_table
        first, *rest = encoder.stages
        self._stem = _prepare(first, torch.float32).kernels[0]
        self._layers = [_prepare(stage, precision) for stage in rest]

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
        sites = make_sites(batch, self._shape)
        rules = self._rules(match(sites, sites, SUBMANIFOLD))
        rows = torch.cat((features, features.new_zeros(1, features.shape[1])))
        rows = torch.relu_(self._convolve(rows, rules, self._stem)).to(self._precision)
        shared = True  # whether the rules are those between the present voxels
        for layer in self._layers:
            if layer.step is not None:
                before, sites = sites, reach(sites, layer.step)
                rules, shared = self._rules(match(before, sites, layer.step)), False
            elif not shared:
                rules, shared = self._rules(match(sites, sites, SUBMANIFOLD)), True
            rows = self._run(rows, rules, layer)
        index = torch.stack(sites.places(), dim=1).long()
        values = rows[:-1]
        layout = Layout(index, sites.shape, batch.batch_size, values.shape[1])
        return layout.canvas(self._buffer.write(values.flatten(), layout.place, layout.count))

    def _run(self, rows: Tensor, rules: Any, layer: _Layer) -> Tensor:
        first, *second = layer.kernels
        result = self._convolve(rows, rules, first)
        for kernel in second:
            result = self._convolve(torch.relu_(result), rules, kernel).add_(rows)
        return torch.relu_(result)


def _prepare(stage: Any, precision: torch.dtype) -> _Layer:
    if isinstance(stage, Residual):
        parts = zip(stage.convolutions, stage.norms, stage.biases, strict=True)
        return _Layer([_fold(layer, norm, precision, bias) for layer, norm, bias in parts], None)
    convolution, norm = stage[0], stage[1]
    kernel = _fold(convolution, norm, precision)
    if convolution.subm:
        return _Layer([kernel], None)
    step = (convolution.kernel_size, convolution.stride, convolution.padding)
    return _Layer([kernel], Step(*map(tuple, step)))


def _fold(
    convolution: Any, norm: nn.Module, precision: torch.dtype, bias: Tensor | None = None
) -> Kernel:
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_mean is not None and norm.running_var is not None
    scale = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
    kernel = convolution.weight.detach() * scale.view(-1, 1, 1, 1, 1)  # width, 3 sizes, C
    before = 0.0 if bias is None else bias.detach()
    shift = norm.bias.detach() + (before - norm.running_mean) * scale
    weight = kernel.flatten(1, 3).permute(1, 2, 0).contiguous()
    return Kernel(weight.to(precision), shift.to(precision))
