"""Pairs of the greatest total weight: the assignment problem, solved row by row.

The Hungarian method takes in one row after the other and has the best pairs of those so far each
time; all these steps are wanted here. Shortest augmenting paths after R. Jonker and A. Volgenant,
Computing 38, 1987. Whole numbers make it exact.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_FAR = np.iinfo(np.int64).max


class _Pairs(NamedTuple):
    """Which row has which column, and the prices that prove it cheapest; changed in place."""

    cost: Integers  # [R, C + R]
    column_of: Integers  # [R] -1: not yet taken in
    row_of: Integers  # [C + R] -1: free
    row_price: Integers  # [R]
    column_price: Integers  # [C + R]


def growing_assignments(weights: Integers) -> Iterator[Integers]:
    """Best pairs of the first row, of the first two rows, ... of all R rows with C columns.

    ``weights``: ``[R, C]``, not negative; 0 means that the two are never a pair. Yields R times
    the column ``[R]`` of each row, -1 where it has none or has not been taken in. A row that makes
    nothing better stays without a column. No rows yield nothing.
    """
    num_rows, num_columns = weights.shape
    pairs = _no_pairs(weights)
    for row in range(num_rows):
        _take_in(pairs, row)
        columns = np.where(pairs.column_of < num_columns, pairs.column_of, -1)
        worth = np.zeros(num_rows, dtype=np.int64)
        paired = np.flatnonzero(columns >= 0)
        worth[paired] = weights[paired, columns[paired]]
        yield np.where(worth > 0, columns, -1)


def _no_pairs(weights: Integers) -> _Pairs:
    """As many columns of no worth are added as there are rows, so that none must take another."""
    num_rows, num_columns = weights.shape
    total = num_columns + num_rows
    cost = np.zeros((num_rows, total), dtype=np.int64)
    cost[:, :num_columns] = -weights
    nobody = np.full(num_rows, -1), np.full(total, -1)
    prices = np.zeros(num_rows, dtype=np.int64), np.zeros(total, dtype=np.int64)
    return _Pairs(cost, *nobody, *prices)


def _take_in(pairs: _Pairs, row: int) -> None:
    """Give the row a column; others move over where that is cheaper in total."""
    distance, previous_row, closed, end = _cheapest_path(pairs, row)
    others = np.flatnonzero(closed & (pairs.row_of >= 0))
    slack = distance[end] - distance[others]
    pairs.row_price[row] += distance[end]
    pairs.row_price[pairs.row_of[others]] += slack
    pairs.column_price[others] -= slack
    column = end
    while column >= 0:
        mover = previous_row[column]
        pairs.row_of[column] = mover
        freed = pairs.column_of[mover]
        pairs.column_of[mover] = column
        column = freed


def _cheapest_path(pairs: _Pairs, row: int) -> tuple[Integers, Integers, NDArray[np.bool_], int]:
    """Dijkstra's search from a row over pairs to the nearest free column.

    Gives for each column the distance and the row before it, whether it was reached for good, and
    the free column.
    """
    total = len(pairs.row_of)
    distance, previous_row = np.full(total, _FAR), np.full(total, -1)
    closed = np.zeros(total, dtype=bool)
    here, travelled = row, np.int64(0)
    while True:
        through = travelled + pairs.cost[here] - pairs.row_price[here] - pairs.column_price
        nearer = ~closed & (through < distance)
        distance[nearer], previous_row[nearer] = through[nearer], here
        column = int(np.argmin(np.where(closed, _FAR, distance)))
        closed[column] = True
        if pairs.row_of[column] < 0:
            return distance, previous_row, closed, column
        here, travelled = int(pairs.row_of[column]), distance[column]
