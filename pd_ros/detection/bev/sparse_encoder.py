"""Sparse 3-D convolution over voxels, down to a bird's-eye canvas. The only file with spconv."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from spconv import pytorch as spconv
from spconv.core import ConvAlgo
from spconv.pytorch import ops
from spconv.pytorch.conv import SparseConvolution
from torch import Tensor, nn

from pd_ros.detection.types import PillarBatch

Change = Callable[[Tensor], Tensor]

if not torch.cuda.is_available():
    # spconv 2.3.8 asks for a CUDA stream in the backward pass on a CPU, too, and never uses it.
    ops.get_current_stream = lambda: 0


class SparseEncoder(nn.Module):
    """Mean of each voxel's points, then stages of sparse convolutions (SECOND section 3.1).

    ``layers[i]`` submanifold convolutions of ``widths[i]`` channels (or, ``residual``, as many
    blocks of two, as in CenterPoint's voxel network); a convolution of stride 2 stands before them
    in all stages but the first. The last convolution halves the height once more; what is left of
    it is laid side by side in the canvas' channels.
    """

    def __init__(
        self,
        point_channels: int,
        size: tuple[int, int, int],
        stem: int,
        widths: Sequence[int],
        layers: Sequence[int],
        out: int,
        residual: bool,
        canvas_channels: int,
    ) -> None:
        super().__init__()
        layers_z, rows, columns = size
        self._canvas = (canvas_channels, rows // 8, columns // 8)
        # One layer more than the grid has, as in SECOND: 41, 21, 11, 5, 2.
        self.shape = (layers_z + 1, rows, columns)
        stages = [_convolution("stage0", point_channels, stem)]
        channels = stem
        for number, (width, count) in enumerate(zip(widths, layers, strict=True)):
            name = f"stage{number}"
            if number:
                padding = (0, 1, 1) if number == len(widths) - 1 else (1, 1, 1)
                stages.append(_strided(channels, width, 3, 2, padding))
            block = Residual if residual else _convolution
            stages += [
                block(name, width if i or number else channels, width) for i in range(count)
            ]
            channels = width
        stages.append(_strided(channels, out, (3, 1, 1), (2, 1, 1), 0))
        self.stages = nn.ModuleList(stages)
        self._algorithms = [layer.algo for layer in self._convolutions()]

    def forward(self, batch: PillarBatch) -> Tensor:
        """Mean of the points of each voxel: ``[V, 3 + C]``; no voxels give no rows."""
        total = batch.points.new_zeros(len(batch.cells), batch.points.shape[1])
        return total.index_add_(0, batch.point_pillar, batch.points) / batch.counts[:, None]

    def canvas(self, features: Tensor, batch: PillarBatch) -> Tensor:
        """Canvas ``[B, out * height left, rows / 8, columns / 8]``; zeros without voxels."""
        if not len(features):  # spconv refuses to work on nothing
            return features.new_zeros(batch.batch_size, *self._canvas)
        self._choose_algorithms(features.device)
        place = torch.cat((batch.cells[:, :1], batch.layers[:, None], batch.cells[:, 1:]), dim=1)
        # spconv knows no bf16, and would turn to fp16, which training does not scale losses for.
        exact = torch.autocast(features.device.type, enabled=False)
        # spconv takes the stream of the current device, which need not be the one of the values.
        own = torch.cuda.device_of(features)  # type: ignore[no-untyped-call]
        with exact, own, _single_thread(features) as (enter, leave):
            sparse = spconv.SparseConvTensor(
                enter(features), place.int(), list(self.shape), batch.batch_size
            )
            for stage in self.stages:
                sparse = stage(sparse)
            rows, shape = sparse.features, sparse.spatial_shape
            layout = Layout(sparse.indices.long(), shape, batch.batch_size, rows.shape[1])
            flat = rows.new_zeros(layout.count).index_copy_(0, layout.place, rows.flatten())
            return leave(layout.canvas(flat))

    def _convolutions(self) -> list[Any]:
        return [layer for layer in self.modules() if isinstance(layer, SparseConvolution)]

    def _choose_algorithms(self, device: torch.device) -> None:
        """Give each convolution one that the device has.

        A build of spconv for GPUs chooses those of GPUs when it makes a layer, wherever it is to
        run, and then fails on a CPU.
        """
        on_cpu = device.type == "cpu"
        for layer, chosen in zip(self._convolutions(), self._algorithms, strict=True):
            layer.algo = ConvAlgo.Native if on_cpu else chosen


class _ThreadsInBackward(torch.autograd.Function):
    """The same values; when its gradient comes by, torch is told how many threads to use."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, threads: int) -> Tensor:
        ctx.threads = threads
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        torch.set_num_threads(ctx.threads)
        return gradient, None


@contextmanager
def _single_thread(features: Tensor) -> Iterator[tuple[Change, Change]]:
    """On a CPU spconv 2.3.8 adds up in several threads without a lock, and loses some of it.

    Yields what to do to the values that go in and to those that come out, so that the backward
    pass between them has one thread, too.
    """
    if features.device.type != "cpu":
        yield (lambda values: values), (lambda values: values)
        return
    threads = torch.get_num_threads()

    def enter(values: Tensor) -> Tensor:
        if torch.is_grad_enabled():  # else nothing comes back that could restore the threads
            values = values.detach().requires_grad_()
        return _apply(values, threads)

    torch.set_num_threads(1)
    try:
        yield enter, lambda values: _apply(values, 1)
    finally:
        torch.set_num_threads(threads)


def _apply(values: Tensor, threads: int) -> Tensor:
    result = _ThreadsInBackward.apply(values, threads)  # type: ignore[no-untyped-call]
    assert isinstance(result, Tensor)
    return result


class Layout:
    """Where rows ``[V, C]`` at ``[V, 4]`` (sample, layer, row, column) lie in a dense canvas.

    It is ``[B, C * layers, rows, columns]``, channel by channel from below; channels last in
    memory. spconv's own way to it indexes as torch is about to forbid.
    """

    def __init__(self, index: Tensor, shape: Sequence[int], batch_size: int, width: int) -> None:
        layers, rows, columns = shape
        sample, layer, row, column = index.unbind(1)
        first = ((sample * rows + row) * columns + column) * (width * layers) + layer
        along = torch.arange(0, width * layers, layers, device=index.device)
        self.place = (first[:, None] + along).flatten()  # of each value of each row
        self.count = batch_size * rows * columns * width * layers
        self._shape = (batch_size, rows, columns, width * layers)

    def canvas(self, flat: Tensor) -> Tensor:
        """The canvas whose values are these ``[count]``."""
        return flat.view(self._shape).permute(0, 3, 1, 2)


def _norm(width: int) -> nn.BatchNorm1d:
    return nn.BatchNorm1d(width, eps=1e-3, momentum=0.01)


def _convolution(name: str, in_channels: int, width: int) -> Any:
    """Submanifold 3 x 3 x 3 convolution; those of one ``name`` share their index pairs."""
    convolution = spconv.SubMConv3d(in_channels, width, 3, padding=1, bias=False, indice_key=name)
    return spconv.SparseSequential(convolution, _norm(width), nn.ReLU())


def _strided(in_channels: int, width: int, kernel: Any, stride: Any, padding: Any) -> Any:
    convolution = spconv.SparseConv3d(in_channels, width, kernel, stride, padding, bias=False)
    return spconv.SparseSequential(convolution, _norm(width), nn.ReLU())


class Residual(nn.Module):
    """Two submanifold convolutions with bias, and the input added (CenterPoint's voxel network).

    The bias is added here: spconv cannot on a CPU in evaluation.
    """

    def __init__(self, name: str, in_channels: int, width: int) -> None:
        super().__init__()
        assert in_channels == width, "a block keeps its width"
        self.convolutions = nn.ModuleList(
            spconv.SubMConv3d(width, width, 3, padding=1, bias=False, indice_key=name)
            for _ in range(2)
        )
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(width)) for _ in range(2))
        self.norms = nn.ModuleList(_norm(width) for _ in range(2))

    def forward(self, sparse: Any) -> Any:
        """Same voxels, same width."""
        features = sparse.features
        for number in range(2):
            if number:
                sparse = sparse.replace_feature(torch.relu(sparse.features))
            sparse = self.convolutions[number](sparse)
            biased = sparse.features + self.biases[number]
            sparse = sparse.replace_feature(self.norms[number](biased))
        return sparse.replace_feature(torch.relu(sparse.features + features))
