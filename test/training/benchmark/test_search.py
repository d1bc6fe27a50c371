"""The choice of a factor."""

import csv

import pytest

from training.benchmark.search import Tried, choose_factor, next_factor, write_search


def test_the_best_factor_is_taken() -> None:
    assert choose_factor([Tried(0.1, 40.0), Tried(1, 42.0), Tried(10, 41.0)]) == 1
    assert choose_factor([Tried(0.1, 43.0), Tried(1, 42.0)]) == 0.1


def test_of_equal_ones_that_nearest_to_one() -> None:
    assert choose_factor([Tried(0.1, 0.0), Tried(1, 0.0), Tried(10, 0.0)]) == 1
    assert choose_factor([Tried(0.1, 5.0), Tried(3, 5.0)]) == 3


def test_failed_runs_do_not_win() -> None:
    assert choose_factor([Tried(0.1, None), Tried(1, 3.0)]) == 1
    assert choose_factor([Tried(0.1, None), Tried(1, None)]) is None
    assert choose_factor([]) == 1.0


def test_all_that_was_tried_is_written(tmp_path) -> None:
    path = tmp_path / "search.csv"
    write_search(path, {"a/x": [Tried(0.1, 41.234), Tried(1, None)], "a/none": []})
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [list(row.values()) for row in rows] == [
        ["a", "x", "0.1", "41.23", "1"],
        ["a", "x", "1", "", "0"],
    ]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({0.1: 5, 1: 4, 10: 3}, 0.01),
        ({0.1: 3, 1: 4, 10: 5}, 100),
        ({0.1: 3, 1: 5, 10: 4}, None),
        ({2: 6, 0.5: 5}, 8),
        ({0.1: None, 1: 4, 10: 5}, None),
        ({1: 4}, None),
        ({}, None),
    ],
)
def test_the_next_factor_is_a_step_beyond_the_best_one(scores, expected) -> None:
    assert next_factor([Tried(factor, score) for factor, score in scores.items()]) == expected
