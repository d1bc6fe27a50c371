"""Multiply-adds of sparse convolutions: they follow from which voxels there are."""

from typing import Any

from torch import Tensor, nn

from training.voxel_places import voxels_under


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
