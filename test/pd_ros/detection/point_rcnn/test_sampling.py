import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_model import small_point_config

from pd_ros.detection.point_rcnn.sampling import draw_points, make_point_batch

seeds = st.integers(0, 10_000)


def row(distances):
    """Points on the x axis."""
    return torch.tensor([[x, 0.0, 0.0, 0.5] for x in distances])


@given(seeds, st.integers(1, 30), st.integers(1, 30))
def test_as_many_as_wanted_each_as_often_as_the_others(seed, points, count) -> None:
    times = torch.bincount(draw_points(row(range(points)), count, 1e3, seed), minlength=points)
    assert times.sum() == count
    assert times.max() - times.min() <= 1


@given(seeds)
def test_far_points_stay_and_near_ones_are_drawn(seed) -> None:
    chosen = draw_points(row([1, 50, 2, 60, 3, 4, 70]), 5, 40.0, seed).tolist()
    assert {1, 3, 6} < set(chosen)
    assert len(set(chosen)) == 5


def test_too_many_far_points_are_drawn_too() -> None:
    """Then near ones have the same chance, as in the authors' code."""
    points = row([1, 50, 51, 52, 53])
    drawn = [set(draw_points(points, 3, 40.0, seed).tolist()) for seed in range(60)]
    assert all(len(chosen) == 3 for chosen in drawn)
    assert 0.3 < sum(0 in chosen for chosen in drawn) / 60 < 0.9


def test_the_seed_decides_and_the_order_is_random() -> None:
    points = row([*range(30), *range(50, 60)])
    first, again, other = (draw_points(points, 20, 40.0, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (first[:10] >= 30).sum() < 10  # far ones do not come first


def test_what_is_out_of_range_or_not_finite_is_left_out() -> None:
    config = small_point_config(range_m=[-8, -8, -3, 8, 8, 1])
    good = row([1, 2, 3])
    bad = row([8, 20, torch.nan, 4, -torch.inf])
    bad[3, 3] = torch.nan
    batch = make_point_batch([torch.cat((bad, good)), bad, bad[:0]], config, (7, 8, 9))
    assert batch.points.shape == (3, 128, 4)
    assert batch.counts.tolist() == [3, 0, 0]
    assert batch.seeds == (7, 8, 9)
    assert set(batch.points[0, :, 0].tolist()) == {1, 2, 3}
    assert not batch.points[1:].any()


def test_a_seed_for_each_cloud_is_needed() -> None:
    with pytest.raises(ValueError, match="zip"):
        make_point_batch([row([1])], small_point_config(), (1, 2))
