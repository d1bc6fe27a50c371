"""Products of as many rows as a cloud happens to have, in few sizes.

For each size of a product in bf16 oneDNN compiles a kernel, and keeps a thousand of them: with
every number of rows that comes, a node grows by half a gigabyte, and compiles for each cloud.
"""

import torch
from torch import Tensor
from torch.nn import functional

LEAST_ROWS = 32


def filled_up(rows: Tensor) -> Tensor:
    """``[N, ...]`` with zeros behind them, up to the next of 32, 64, 96, 128, 192, 256, 384, ...

    No rows stay none.
    """
    half_octave = 1 << max(0, len(rows) - 1).bit_length() >> 2
    missing = -len(rows) % max(LEAST_ROWS, half_octave)
    return functional.pad(rows, (0, 0) * (rows.ndim - 1) + (0, missing)) if missing else rows


def split_and_fill_up(rows: Tensor, most: int) -> list[Tensor]:
    """Parts of ``most`` rows each, the last one filled up, but to no more than that."""
    parts = list(torch.split(rows, most))
    return [*parts[:-1], filled_up(parts[-1])[:most]]
