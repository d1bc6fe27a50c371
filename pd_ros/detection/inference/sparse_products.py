"""The products of a sparse convolution: rows of features gathered by a rulebook, then multiplied.

The order of every sum is fixed by the rulebook: the result is the same for any number of threads.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.inference.sparse_rulebook import PairList

# Values gathered at a time: they stay in the cache until they are multiplied.
_GATHERED_BY_TABLE = 1 << 20
_GATHERED_BY_PAIRS = 1 << 18


class Kernel(NamedTuple):
    """A convolution with its batch norm: ``weight [places, C, width]``, ``bias [width]``."""

    weight: Tensor
    bias: Tensor


def convolve_table(rows: Tensor, table: Tensor, kernel: Kernel) -> Tensor:
    """All places of the kernel in one product, zeros where no voxel is.

    Rows ``[V + 1, C]``, the last of zeros, by a table ``[U, places]``: ``[U + 1, width]``, the
    last of zeros again.
    """
    weight = kernel.weight.flatten(0, 1)
    result = rows.new_empty(len(table) + 1, len(kernel.bias))
    result[-1] = 0
    count = max(1, _GATHERED_BY_TABLE // len(weight))
    for part, out in zip(torch.split(table, count), torch.split(result[:-1], count), strict=True):
        gathered = rows.index_select(0, part.flatten()).view(len(part), -1)
        torch.addmm(kernel.bias, gathered, weight, out=out)
    return result


def convolve_pairs(rows: Tensor, rules: PairList, kernel: Kernel) -> Tensor:
    """Each pair in a product of its own, added up in the order of the kernel's places.

    Rows and result are as those of ``convolve_table``.
    """
    channels = rows.shape[1]
    result = kernel.bias.repeat(rules.outputs + 1, 1)
    result[-1] = 0
    for places, source, target in rules.pairs:
        weight = kernel.weight[places]
        width = len(weight) * channels
        # Each row with those behind it, as one.
        runs = rows.as_strided((len(rows) - len(weight) + 1, width), (channels, 1))
        count = max(1, _GATHERED_BY_PAIRS // width)
        for here, there in zip(torch.split(source, count), torch.split(target, count), strict=True):
            product = torch.mm(runs.index_select(0, here), weight.flatten(0, 1))
            result.index_add_(0, there, product)
    return result
