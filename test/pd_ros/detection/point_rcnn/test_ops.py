"""Against loops over single points."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.detection.point_rcnn.ops import (
    ball_query,
    furthest_point_sample,
    gather_points,
    interpolate,
)

seeds = st.integers(0, 10_000)


def cloud(seed, count, batch=2):
    generator = torch.Generator().manual_seed(seed)
    # A coarse lattice, so that equal distances and equal points occur.
    return torch.randint(-6, 7, (batch, count, 3), generator=generator).float() / 2


def squared(p, q):
    return sum((float(a) - float(b)) ** 2 for a, b in zip(p, q, strict=True))


@given(seeds, st.integers(1, 12))
def test_sampling_equals_the_greedy_loop(seed, count) -> None:
    points = cloud(seed, 12)
    for sample, found in zip(points, furthest_point_sample(points, count).tolist(), strict=True):
        chosen = [0]
        while len(chosen) < count:
            spread = [min(squared(p, sample[j]) for j in chosen) for p in sample]
            chosen.append(spread.index(max(spread)))
        assert found == chosen


def test_sampling_refuses_more_points_than_there_are() -> None:
    with pytest.raises(ValueError, match="expected 1 to 5 points of 5, got 6"):
        furthest_point_sample(torch.zeros(1, 5, 3), 6)


@given(seeds, st.sampled_from([0.6, 1.1, 2.3]), st.sampled_from([1, 3, 40]))
def test_balls_hold_the_first_points_within_reach(seed, radius, count) -> None:
    points, centres = cloud(seed, 30), cloud(seed + 1, 7)
    found = ball_query(points, centres, radius, count)
    assert found.shape == (2, 7, count)
    for b in range(2):
        for m in range(7):
            inside = [i for i in range(30) if squared(points[b, i], centres[b, m]) < radius**2]
            inside = (inside or [0])[:count]
            assert found[b, m].tolist() == inside + inside[:1] * (count - len(inside))


@given(seeds)
def test_interpolation_is_the_weighted_mean_of_the_three_nearest(seed) -> None:
    points, known = cloud(seed, 6) + 0.01, cloud(seed + 1, 9) * 1.37
    features = torch.arange(2 * 4 * 9.0).view(2, 4, 9)
    carried = interpolate(points, known, features)
    for b in range(2):
        for n in range(6):
            distance = (known[b] - points[b, n]).norm(dim=1)
            near = distance.argsort(stable=True)[:4]
            if distance[near[3]] - distance[near[2]] < 1e-5:  # which is third is open
                continue
            weight = 1 / (distance[near[:3]] + 1e-8)
            expected = (features[b][:, near[:3]] * weight / weight.sum()).sum(dim=1)
            torch.testing.assert_close(carried[b, :, n], expected, atol=1e-4, rtol=1e-4)


def test_a_known_point_keeps_its_features_and_one_alone_gives_them_to_all() -> None:
    known = torch.tensor([[[0.0, 0, 0], [4, 0, 0], [0, 4, 0], [9, 9, 9]]])
    features = torch.tensor([[[1.0, 2, 3, 4]]])
    torch.testing.assert_close(interpolate(known, known, features), features, atol=1e-6, rtol=0)
    alone = interpolate(known, known[:, :1], features[..., :1])
    assert alone.tolist() == [[[1, 1, 1, 1]]]


def test_columns_are_gathered_for_indices_of_any_shape() -> None:
    features = torch.arange(12.0).view(1, 2, 6)
    index = torch.tensor([[[5, 0], [1, 1]]])
    assert gather_points(features, index).tolist() == [[[[5, 0], [1, 1]], [[11, 6], [7, 7]]]]
