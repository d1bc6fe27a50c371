"""Find the input voxels under a kernel at every output voxel, compiled. The only file with numba.

Keys of voxels rise along a row, so each row of a kernel is a merge of two rising lists, and those
of its voxels that are there follow each other in memory. Everything is done by one thread: the
result is the same for any number.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]


def _fill_table(keys: Int32, base: Int32, offsets: Int32, along: int, table: Int32) -> None:
    """Input row under each place of the kernel; ``len(keys)`` where no voxel is."""
    count, rows = len(keys), len(offsets)
    place = np.zeros(rows, np.int64)
    for output in range(len(base)):
        for row in range(rows):
            wanted = base[output] + offsets[row]
            found = place[row]
            while found < count and keys[found] < wanted:
                found += 1
            place[row] = found
            for number in range(along):
                if found < count and keys[found] == wanted + number:
                    table[output, row * along + number] = found
                    found += 1
                else:
                    table[output, row * along + number] = count


def _fill_pairs(
    keys: Int32,
    base: Int32,
    offset: int,
    along: int,
    source: Int64,
    target: Int64,
    ends: Int64,
) -> None:
    """First input row of each output voxel under one row of the kernel, ordered by the pattern.

    Bit ``i`` of a pattern says whether a voxel is at place ``i``. The outputs of a pattern end at
    ``ends[pattern]``; those of pattern 0, which find nothing, are the first.
    """
    count = len(keys)
    first = np.empty(len(base), np.int32)
    patterns = np.empty(len(base), np.uint8)
    ends[:] = 0
    found = 0
    for output in range(len(base)):
        wanted = base[output] + offset
        while found < count and keys[found] < wanted:
            found += 1
        behind, pattern = found, 0
        for number in range(along):
            if behind < count and keys[behind] == wanted + number:
                pattern |= 1 << number
                behind += 1
        first[output] = found
        patterns[output] = pattern
        ends[pattern] += 1
    begin = 0
    for pattern in range(len(ends)):
        begin += ends[pattern]
        ends[pattern] = begin - ends[pattern]
    for output in range(len(base)):
        place = ends[patterns[output]]
        source[place] = first[output]
        target[place] = output
        ends[patterns[output]] = place + 1


def _order_products(targets: Int64, empty: Int64, order: Int32, ends: Int32) -> None:
    """Numbers of the products of each output voxel, in the order of the kernel's rows.

    Products are numbered row by row, without the first ``empty[row]`` targets, which find nothing.
    Those of voxel ``i`` lie in ``order`` from ``ends[i]`` to ``ends[i + 1]``.
    """
    rows, outputs = targets.shape
    ends[:] = 0
    for row in range(rows):
        for place in range(empty[row], outputs):
            ends[targets[row, place] + 1] += 1
    for output in range(outputs):
        ends[output + 1] += ends[output]
    reached = ends[:-1].copy()
    number = 0
    for row in range(rows):
        for place in range(empty[row], outputs):
            target = targets[row, place]
            order[reached[target]] = number
            reached[target] += 1
            number += 1


def _compile(function: Callable[..., None]) -> Any:
    """Compiled at the first call, and kept on disk for the next process where that is possible."""
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # no folder to keep it in
        return numba.njit(nogil=True)(function)


fill_table = _compile(_fill_table)
fill_pairs = _compile(_fill_pairs)
order_products = _compile(_order_products)
