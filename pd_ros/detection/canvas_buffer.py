"""A canvas for one cloud after the other, in the same memory."""

import torch
from torch import Tensor


class CanvasBuffer:
    """Clears only what the last cloud wrote: a hundredth of a canvas.

    A fresh one is tens of megabytes of zeros, and of pages that the system has to find.
    """

    def __init__(self) -> None:
        self._flat = torch.zeros(0)
        self._written = torch.zeros(0, dtype=torch.int64)

    def write(self, values: Tensor, place: Tensor, count: int) -> Tensor:
        """``count`` entries, which are zero but for the values ``[V, ...]`` at places ``[V]``.

        Returns ``[count, ...]``, valid until the next call; all zeros without values.
        """
        shape = (count, *values.shape[1:])
        # Taken out while it is written: after an error in between a fresh one is made.
        flat, self._flat = self._flat, torch.zeros(0)
        if (flat.shape, flat.dtype, flat.device) == (shape, values.dtype, values.device):
            flat.index_fill_(0, self._written, 0)
        else:
            flat = values.new_zeros(shape)
        self._flat, self._written = flat.index_copy_(0, place, values), place
        return flat
