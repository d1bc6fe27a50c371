"""Multiply-adds of sparse convolutions: they follow from which voxels there are."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn


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
    """How many pairs of input ``[V, 4]`` and output voxels ``[U, 4]`` a kernel joins.

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
