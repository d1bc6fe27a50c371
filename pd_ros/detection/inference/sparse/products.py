"""The products of a sparse convolution: rows of features gathered by a rulebook, then multiplied.

The order of every sum is fixed by the rulebook: the result is the same for any number of threads.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from pd_ros.detection.inference.row_counts import LEAST_ROWS, split_and_fill_up
from pd_ros.detection.inference.sparse.rulebook import PairBlock

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
    parts = split_and_fill_up(table, max(1, _GATHERED_BY_TABLE // len(weight)))
    sizes = [len(part) for part in parts]
    result = rows.new_empty(sum(sizes) + 1, len(kernel.bias))
    for part, out in zip(parts, torch.split(result[:-1], sizes), strict=True):
        gathered = rows.index_select(0, part.flatten()).view(-1, len(weight))
        torch.addmm(kernel.bias, gathered, weight, out=out)
    result[len(table)] = 0
    return result[: len(table) + 1]


def convolve_pairs(rows: Tensor, blocks: list[PairBlock], kernel: Kernel) -> Tensor:
    """Each pair in a product of its own, then the sums, in the order of the kernel's rows.

    Rows and result are as those of ``convolve_table``.
    """
    most = max(len(block.order) for block in blocks)
    # Room for the rows that fill up the last part; those of the others are written over.
    products = rows.new_empty(2 * most + LEAST_ROWS, len(kernel.bias))
    outputs = [len(block.ends) - 1 for block in blocks]
    result = rows.new_empty(sum(outputs) + 1, len(kernel.bias))
    result[-1] = 0
    for block, part in zip(blocks, torch.split(result[:-1], outputs), strict=True):
        _multiply_pairs(rows, block, kernel.weight, products)
        here = products[: len(block.order)]
        sums = functional.embedding_bag(
            block.order, here, block.ends, mode="sum", include_last_offset=True
        )
        torch.add(sums, kernel.bias, out=part)
    return result


def _multiply_pairs(rows: Tensor, block: PairBlock, weight: Tensor, products: Tensor) -> None:
    """Write the products of a block, one row for each pair, and what fills them up behind."""
    channels, end = rows.shape[1], 0
    for places, source in block.pairs:
        factor = weight[places].flatten(0, 1)
        # Each row with those behind it, as one.
        count = len(rows) - len(factor) // channels + 1
        runs = rows.as_strided((count, len(factor)), (channels, 1))
        done, end = end, end + len(source)
        for part in split_and_fill_up(source, max(1, _GATHERED_BY_PAIRS // len(factor))):
            out = products[done : done + len(part)]
            torch.mm(runs.index_select(0, part), factor, out=out)
            done += len(part)
