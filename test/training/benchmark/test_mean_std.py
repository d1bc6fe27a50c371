"""Means, deviations and intervals, by hand."""

import pytest

from training.benchmark.mean_std import mean_ap, paired_gain, spread_of


def test_spread_of_three_seeds() -> None:
    spread = spread_of([60.0, 62.0, 64.0])
    assert spread is not None
    assert (spread.mean, spread.deviation) == (62.0, 2.0)
    # 97.5 % quantile of Student's t with 2 degrees of freedom, from a table, by 2 / sqrt(3)
    assert spread.half_width == pytest.approx(4.30265 * 2 / 3**0.5, rel=1e-5)


def test_one_seed_has_no_deviation_and_none_has_no_mean() -> None:
    one = spread_of([5.0])
    assert one is not None
    assert one[:3] == (5.0, None, None)
    assert spread_of([]) is None


def test_gain_is_paired_over_the_seeds_that_both_have() -> None:
    plain = {1: 50.0, 2: 60.0, 3: 70.0}
    gain = paired_gain({1: 51.0, 2: 63.0, 4: 0.0}, plain)
    assert gain is not None
    assert gain.values == (1.0, 3.0)
    assert (gain.mean, gain.deviation) == (2.0, pytest.approx(2**0.5))
    assert paired_gain({4: 1.0}, plain) is None


def test_a_common_offset_of_the_seeds_is_no_spread_of_the_gain() -> None:
    gain = paired_gain({1: 11.0, 2: 31.0}, {1: 10.0, 2: 30.0})
    assert gain is not None
    assert (gain.mean, gain.deviation, gain.half_width) == (1.0, 0.0, 0.0)


def test_mean_ap_is_over_classes() -> None:
    assert mean_ap({"car": 80.0, "pedestrian": 40.0, "cyclist": 60.0}) == 60.0
