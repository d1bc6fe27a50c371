"""Pairs of the greatest total weight: by hand, against every possibility, against scipy."""

from itertools import permutations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from pd_ros.evaluation.waymo.assignment import growing_assignments


def solve(weights: list[list[int]]) -> list[list[int]]:
    return [columns.tolist() for columns in growing_assignments(np.array(weights))]


def worth(weights: np.ndarray, columns: np.ndarray) -> int:
    rows = np.flatnonzero(columns >= 0)
    assert len(set(columns[rows])) == len(rows)
    assert (weights[rows, columns[rows]] > 0).all()
    return int(weights[rows, columns[rows]].sum())


def test_a_later_row_moves_an_earlier_one() -> None:
    # Alone the first row takes 9; with the second one 8 + 7 is more than 9 or 9 + 0.
    assert solve([[9, 8], [7, 0]]) == [[0, -1], [1, 0]]


def test_a_row_that_makes_nothing_better_stays_out() -> None:
    assert solve([[5], [5], [6]]) == [[0, -1, -1], [0, -1, -1], [-1, -1, 0]]


def test_one_large_pair_beats_two_small_ones() -> None:
    assert solve([[3, 10], [0, 4]])[-1] == [1, -1]


def test_weight_0_is_never_a_pair() -> None:
    assert solve([[0, 0], [0, 2]]) == [[-1, -1], [-1, 1]]


def test_empty_sides() -> None:
    assert list(growing_assignments(np.zeros((0, 3), dtype=np.int64))) == []
    columns = list(growing_assignments(np.zeros((2, 0), dtype=np.int64)))
    assert [found.tolist() for found in columns] == [[-1, -1], [-1, -1]]


@settings(max_examples=60, deadline=None)
@given(arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 4)),
              elements=st.integers(0, 9)))  # fmt: skip
def test_no_other_pairs_are_better(weights: np.ndarray) -> None:
    rows, columns = weights.shape
    padded = np.zeros((rows, columns + rows), dtype=np.int64)
    padded[:, :columns] = weights
    for taken_in, found in enumerate(growing_assignments(weights), start=1):
        assert (found[taken_in:] == -1).all()
        best = max(
            sum(padded[row, column] for row, column in enumerate(order))
            for order in permutations(range(padded.shape[1]), taken_in)
        )
        assert worth(weights, found) == best


def test_as_good_as_scipy_on_large_ones() -> None:
    rng = np.random.default_rng(3)
    for shape in ((40, 15), (15, 40), (30, 30)):
        weights = rng.integers(0, 1_000_000, shape) * (rng.random(shape) < 0.3)
        for taken_in, found in enumerate(growing_assignments(weights), start=1):
            part = weights[:taken_in]
            assert worth(weights, found) == part[linear_sum_assignment(part, maximize=True)].sum()
