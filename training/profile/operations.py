"""Count multiply-adds and activations of a network over a cloud.

Those of sparse convolutions follow from which voxels there are.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pd_ros.detection.families import AnyModel, AnyModelConfig, make_batch

DenseLayer = nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d | nn.Linear


class Operations(NamedTuple):
    """What one forward pass computes."""

    gmacs: float  # 1e9 multiply-adds of dense convolutions and linear layers
    sparse_gmacs: float  # 1e9 multiply-adds of sparse convolutions, by pairs of voxels
    mactivations: float  # 1e6 outputs of all these layers


@torch.no_grad()
def count_operations(model: AnyModel, cloud: Tensor, config: AnyModelConfig) -> Operations:
    """Operations of a network in evaluation over a cloud ``[N, 3 + C]``.

    What the cloud's points do not reach costs a sparse layer nothing.
    """
    batch = make_batch([cloud], config)
    counts: list[tuple[int, int]] = []

    def note(layer: DenseLayer, inputs: tuple[Tensor], output: Tensor) -> None:
        # A row of weights is used for every input place of a transposed layer, else for every
        # output. torch's own counter takes in what sparse layers multiply, too.
        uses = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        counts.append((uses.numel() * layer.weight[0].numel(), output.numel()))

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, DenseLayer)]
    with SparseCost(model) as sparse:
        model(batch)
    for hook in hooks:
        hook.remove()
    multiply_adds, activations = map(sum, zip(*counts, strict=True))
    return Operations(
        multiply_adds / 1e9, sparse.multiply_adds / 1e9, (activations + sparse.activations) / 1e6
    )


class SparseCost:
    """Counts the sparse convolutions of a network while it runs: ``with SparseCost(network)``."""

    def __init__(self, network: nn.Module) -> None:
        self.multiply_adds = 0
        self.activations = 0
        self._layers = [module for module in network.modules() if is_sparse(module)]
        self._hooks: list[Any] = []

    def __enter__(self) -> "SparseCost":
        self._hooks = [layer.register_forward_hook(self._count) for layer in self._layers]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _count(self, layer: Any, inputs: Any, output: Any) -> None:
        pairs = count_pairs(
            inputs[0].indices, output.indices, layer.kernel_size, layer.stride, layer.padding
        )
        self.multiply_adds += pairs * layer.in_channels * layer.out_channels
        self.activations += output.features.numel()


def is_sparse(module: nn.Module) -> bool:
    """Whether a module is one of spconv's convolutions, which may not be installed."""
    return type(module).__module__.startswith("spconv") and hasattr(module, "kernel_size")


def count_pairs(
    inputs: Tensor, outputs: Tensor, kernel: list[int], stride: list[int], padding: list[int]
) -> int:
    """Count the pairs of input ``[V, 4]`` and output voxels ``[U, 4]`` that a kernel joins.

    Voxels are (sample, layer, row, column). No voxels make no pairs.
    """
    under = voxels_under(inputs, outputs, kernel, stride, padding)
    return sum(int((voxel < len(inputs)).sum()) for voxel in under)


def voxels_under(
    inputs: Tensor,
    outputs: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
) -> Iterator[Tensor]:
    """For each place of the kernel the input voxel of each output one: ``[U]``, or V for none.

    Inputs ``[V, 4]``, outputs ``[U, 4]``: (sample, layer, row, column). Places come as a kernel's
    weights lie in memory.
    """
    outputs = outputs.long()
    present, order = _key(inputs.long()).sort()
    order = torch.cat((order, order.new_tensor([len(order)])))
    known = torch.cat((present, present.new_tensor([-1])))
    step, border = outputs.new_tensor(list(stride)), outputs.new_tensor(list(padding))
    first = outputs[:, 1:] * step - border
    for offset in itertools.product(*(range(size) for size in kernel)):
        wanted = _key(torch.cat((outputs[:, :1], first + outputs.new_tensor(offset)), dim=1))
        place = torch.searchsorted(present, wanted)
        yield order[place.where(known[place] == wanted, len(present))]


def _key(voxels: Tensor) -> Tensor:
    """One number for each voxel; also for those a little outside of the grid."""
    key = voxels[:, 0]
    for axis in (1, 2, 3):
        key = (key << 16) + voxels[:, axis] + 8
    return key
