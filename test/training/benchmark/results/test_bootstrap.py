"""Intervals and corrections: what holds for any data, and figures worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.benchmark.results.bootstrap import compare, draw_frames, holm, resampled_ap


def test_holm_multiplies_the_least_by_their_number_and_never_falls() -> None:
    # 0.01 x 3; 0.02 x 2 = 0.04; 0.03 x 1 is less than one before it.
    assert holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_corrects_upwards_and_keeps_the_order(p_values) -> None:
    corrected = holm(p_values)
    assert all(p <= c <= 1 for p, c in zip(p_values, corrected, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(corrected)[order]) >= 0).all()


def test_draws_of_sweeps_are_the_same_for_all_rows_and_draw_each_as_often_as_another() -> None:
    draws = draw_frames(30, 400)
    assert (draws.sum(axis=1) == 30).all()
    assert (draws == draw_frames(30, 400)).all()
    assert draws.mean() == pytest.approx(1)
    assert np.abs(draws.mean(axis=0) - 1).max() < 0.3


def test_a_difference_that_every_seed_and_sweep_has_is_sure() -> None:
    rng = np.random.default_rng(0)
    plain = rng.normal(50, 5, (8, 1)) + rng.normal(0, 3, (1, 2000))  # seeds and draws of sweeps
    found = compare(plain + 2, plain, 2.0)
    assert (found.mean, found.low, found.high) == pytest.approx((2, 2, 2))
    assert found.p_value == pytest.approx(2 / 2001)


def test_a_difference_of_one_seed_alone_is_not_sure() -> None:
    plain = np.full((4, 2000), 50.0)
    row = plain.copy()
    row[0] += 8  # mean 2
    found = compare(row, plain, 2.0)
    assert found.low < 0.5 and found.high > 2
    assert found.p_value > 0.3  # no draw of the first seed: (3 / 4)^4


def test_the_spread_of_seeds_widens_the_interval() -> None:
    rng = np.random.default_rng(1)
    plain = np.zeros((8, 2000))
    widths = []
    for spread in (1.0, 4.0):
        row = plain + rng.normal(0, spread, (8, 1))
        found = compare(row, plain, float(row.mean()))
        widths.append(found.high - found.low)
    assert widths[1] > 2 * widths[0]


def test_the_spread_of_sweeps_widens_it_too() -> None:
    # A sweep holds an object that is found, or one that is not; seeds are alike.
    def seeds(frames: int):
        counts = np.zeros((frames, 3, 1), np.int32)
        counts[: frames // 2, 0] = 1
        counts[frames // 2 :, 2] = 1
        return resampled_ap([counts, counts], draw_frames(frames))

    widths = []
    for frames in (10, 1000):
        ap = seeds(frames)
        found = compare(ap, np.zeros_like(ap), 50.0)
        widths.append(found.high - found.low)
    assert widths[0] > 3 * widths[1]
