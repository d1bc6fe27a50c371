import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.detection.inference.row_counts import LEAST_ROWS, filled_up, split_and_fill_up


@pytest.mark.parametrize(
    ("rows", "filled"),
    [(0, 0), (1, 32), (32, 32), (33, 64), (64, 64), (65, 96), (97, 128), (129, 192), (193, 256),
     (257, 384), (385, 512), (1025, 1536)],
)  # fmt: skip
def test_two_sizes_in_each_octave(rows, filled) -> None:
    assert len(filled_up(torch.ones(rows))) == filled


@given(st.integers(0, 5000), st.integers(1, 3))
def test_rows_are_kept_and_zeros_follow(rows, columns) -> None:
    given = torch.rand(rows, columns) + 1
    filled = filled_up(given)
    assert torch.equal(filled[:rows], given) and not filled[rows:].any()
    assert len(filled) - rows < max(LEAST_ROWS, rows / 2 + 1)


def test_all_row_counts_have_few_sizes() -> None:
    sizes = {len(filled_up(torch.ones(rows))) for rows in range(1, 4097)}
    assert len(sizes) <= 2 * math.log2(4096)


@given(st.integers(0, 400), st.integers(1, 150))
def test_parts_are_those_of_a_split_but_for_the_last(rows, most) -> None:
    given = torch.arange(1, rows + 1)
    parts = split_and_fill_up(given, most)
    assert all(len(part) == most for part in parts[:-1]) and len(parts[-1]) <= most
    joined = torch.cat(parts)
    assert torch.equal(joined[:rows], given) and not joined[rows:].any()
