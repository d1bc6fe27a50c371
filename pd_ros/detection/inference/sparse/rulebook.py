"""Which input voxels meet which output voxels in a sparse convolution: its rulebook.

Worked out once for a set of voxels and shared by all layers over it, in one of two forms: a table
of what lies under every place of the kernel, or pairs of those voxels that are there.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pd_ros.detection.inference.compiled.sparse_matching import (
    fill_pairs,
    fill_table,
    order_products,
)
from pd_ros.detection.types import PillarBatch

# Output voxels of a block of pairs: what their products take stays in the last cache.
_OUTPUTS = 1 << 14

# The places along a row of a kernel that each pattern of bits stands for.
_ALONG = (
    slice(0, 0), slice(0, 1), slice(1, 2), slice(0, 2),
    slice(2, 3), slice(0, 3, 2), slice(1, 3), slice(0, 3),
)  # fmt: skip


class Sites(NamedTuple):
    """Voxels that are not empty, by their place, in a grid with an empty border around it."""

    keys: Tensor  # [V] int32, rising: sample, layer, row, column as one number
    shape: tuple[int, int, int]  # layers, rows, columns, without the border

    def places(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Sample, layer, row and column of each voxel: ``[V]`` int32 each."""
        layers, rows, columns = (size + 2 for size in self.shape)
        plane = _divide(self.keys, columns)
        volume = _divide(plane, rows)
        sample = _divide(volume, layers)
        layer, row = volume - sample * layers, plane - volume * rows
        return sample, layer - 1, row - 1, self.keys - plane * columns - 1


class Step(NamedTuple):
    """What a convolution does to places: layers, rows, columns."""

    size: tuple[int, int, int]
    stride: tuple[int, int, int]
    padding: tuple[int, int, int]  # at most 1, the border of the sites


SUBMANIFOLD = Step((3, 3, 3), (1, 1, 1), (1, 1, 1))


class Matches(NamedTuple):
    """Where the kernel looks for its input, at each output voxel."""

    keys: Tensor  # [V] int32: the input voxels
    base: Tensor  # [U] int32, rising: the key under the kernel's first place
    offsets: Tensor  # int32: from it to each row of the kernel
    along: int  # places of a row


class Pairs(NamedTuple):
    """Output voxels that find input at the same places of a row of the kernel, and there alone.

    That input is as many rows of the features as there are places, one behind the other.
    """

    places: slice  # of all places of the kernel
    source: Tensor  # [n] int64: the first of the input rows


class PairBlock(NamedTuple):
    """All pairs of some output voxels that follow each other.

    The products of the pairs, one row each, are numbered in the order of the pairs.
    """

    pairs: list[Pairs]
    order: Tensor  # [products] int32: numbers of the products, by the output that they belong to
    ends: Tensor  # [outputs + 1] int32: where in ``order`` an output's products begin and end


def make_sites(batch: PillarBatch, shape: tuple[int, int, int]) -> Sites:
    """Sites of a batch's voxels, which rise by sample, layer, row and column."""
    sample, row, column = batch.cells.unbind(1)
    return Sites(_pack((sample, batch.layers, row, column), shape).int(), shape)


def reach(sites: Sites, step: Step) -> Sites:
    """All voxels that a strided kernel has some input at."""
    axes = zip(sites.shape, *step, strict=True)
    shape = tuple((cells + 2 * pad - size) // stride + 1 for cells, size, stride, pad in axes)
    assert len(shape) == 3
    sample, *index = sites.places()
    reached = [list(_along(*axis)) for axis in zip(index, *step, shape, strict=True)]
    keys = []
    for (z, z_there), (y, y_there), (x, x_there) in itertools.product(*reached):
        keys.append(_pack((sample, z, y, x), shape).masked_select(z_there & y_there & x_there))
    return Sites(torch.unique(torch.cat(keys)), shape)


def _along(
    index: Tensor, size: int, stride: int, padding: int, cells: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Output places along one axis that see an input place, and whether they do."""
    from_zero = index + padding
    last = _divide(from_zero, stride)
    for number in range(-(-size // stride)):
        place = last - number
        seen = (from_zero - place * stride < size) & (place >= 0) & (place < cells)
        yield place, seen


def match(sites: Sites, outputs: Sites, step: Step) -> Matches:
    """Where a convolution from one set of voxels to another looks."""
    assert max(step.padding) <= 1, "the border is one voxel wide"
    _, rows, columns = (size + 2 for size in sites.shape)
    layers_of_kernel, rows_of_kernel, along = step.size
    offsets = [
        (layer * rows + row) * columns
        for layer, row in itertools.product(range(layers_of_kernel), range(rows_of_kernel))
    ]
    if outputs is sites:
        assert step == SUBMANIFOLD
        base = sites.keys - ((rows + 1) * columns + 1)
    else:
        sample, *index = outputs.places()
        first = [
            place * stride - padding
            for place, stride, padding in zip(index, step.stride, step.padding, strict=True)
        ]
        base = _pack((sample, *first), sites.shape)
    return Matches(sites.keys, base, torch.tensor(offsets, dtype=torch.int32), along)


def make_table(matches: Matches) -> Tensor:
    """Input row under each place of the kernel, V where no voxel is: ``[U, places]`` int32."""
    keys, base, offsets, along = matches
    table = torch.empty(len(base), len(offsets) * along, dtype=torch.int32)
    fill_table(keys.numpy(), base.numpy(), offsets.numpy(), along, table.numpy())
    return table


def make_pairs(matches: Matches) -> list[PairBlock]:
    """Pairs by the rows of the kernel and by which voxels along them are there, in blocks."""
    return [
        _make_block(matches._replace(base=base)) for base in torch.split(matches.base, _OUTPUTS)
    ]


def _make_block(matches: Matches) -> PairBlock:
    keys, base, offsets, along = matches
    shape = (len(offsets), len(base))
    sources, targets = torch.empty(2, *shape, dtype=torch.int64)
    ends = np.zeros((len(offsets), 1 << along), np.int64)
    pairs = []
    for row, offset in enumerate(offsets.tolist()):
        out = (sources[row].numpy(), targets[row].numpy(), ends[row])
        fill_pairs(keys.numpy(), base.numpy(), offset, along, *out)
        for pattern, (begin, end) in enumerate(itertools.pairwise(ends[row].tolist()), start=1):
            if begin < end:
                inside = _ALONG[pattern]
                places = slice(along * row + inside.start, along * row + inside.stop, inside.step)
                pairs.append(Pairs(places, sources[row, begin:end]))
    order = torch.empty(sum(len(each.source) for each in pairs), dtype=torch.int32)
    parts = torch.empty(len(base) + 1, dtype=torch.int32)
    order_products(targets.numpy(), ends[:, 0], order.numpy(), parts.numpy())
    return PairBlock(pairs, order, parts)


def _divide(values: Tensor, by: int) -> Tensor:
    return torch.div(values, by, rounding_mode="floor")


def _pack(index: Sequence[Tensor], shape: Sequence[int]) -> Tensor:
    layers, rows, columns = (size + 2 for size in shape)
    sample, layer, row, column = index
    return ((sample * layers + layer + 1) * rows + row + 1) * columns + column + 1
