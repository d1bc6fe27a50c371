"""Which voxels lie under the places of a sparse convolution's kernel."""

import itertools
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor


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
