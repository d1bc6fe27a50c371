import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_model import small_config

from pd_ros.detection.grid_config import CapacityConfig
from pd_ros.detection.pillars import pillarize

GRID = small_config().grid
FREE = CapacityConfig()


def brute_force(clouds, cap=None):
    """Cell -> points, one point at a time."""
    pillars = {}
    for sample, cloud in enumerate(clouds):
        for point in cloud.tolist():
            inside = all(
                low <= v < high
                for v, low, high in zip(point, GRID.range_m[:3], GRID.range_m[3:], strict=False)
            )
            if not inside:
                continue
            cell = (sample, int(np.floor(point[1] + 8)), int(np.floor(point[0] + 8)))
            members = pillars.setdefault(cell, [])
            if cap is None or len(members) < cap:
                members.append(tuple(point))
    return pillars


def as_dictionary(batch):
    pillars = {tuple(cell): [] for cell in batch.cells.tolist()}
    for point, pillar in zip(batch.points.tolist(), batch.point_pillar.tolist(), strict=True):
        pillars[tuple(batch.cells[pillar].tolist())].append(tuple(point))
    return pillars


def random_cloud(seed, size):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(size, 4, generator=generator) * torch.tensor(
        [20.0, 20, 6, 1]
    ) - torch.tensor([10.0, 10, 4, 0])


@given(st.integers(0, 10_000), st.integers(0, 300), st.sampled_from([None, 1, 3]))
def test_equals_brute_force(seed, size, cap) -> None:
    clouds = [random_cloud(seed, size), random_cloud(seed + 1, 50)]
    batch = pillarize(clouds, GRID, CapacityConfig(max_points_per_pillar=cap))
    assert as_dictionary(batch) == brute_force(clouds, cap)
    assert batch.counts.tolist() == [len(v) for v in as_dictionary(batch).values()]
    in_range = sum(len(v) for v in brute_force(clouds).values())
    assert batch.clipped == in_range - len(batch.points)


def test_upper_bounds_are_outside_and_not_finite_points_vanish() -> None:
    nan, inf = float("nan"), float("inf")
    cloud = torch.tensor(
        [[8.0, 0, 0, 0], [-8, -8, -3, 0], [nan, 0, 0, 0], [0, inf, 0, 0], [0, 0, 0, nan]]
    )
    batch = pillarize([cloud], GRID, FREE)
    assert batch.cells.tolist() == [[0, 0, 0]]
    assert batch.clipped == 0


@pytest.mark.parametrize("cloud", [torch.zeros(0, 4), torch.full((5, 4), 99.0)])
def test_nothing_in_range_gives_no_pillars(cloud) -> None:
    batch = pillarize([cloud], GRID, CapacityConfig(max_points_per_pillar=3))
    assert (len(batch.points), len(batch.cells), batch.batch_size) == (0, 0, 1)


def test_capacities_keep_what_comes_first_and_count_the_rest() -> None:
    cloud = torch.zeros(6, 4)
    cloud[:, 0] = torch.tensor([0.5, 1.5, 0.6, 2.5, 1.6, 3.5])
    points = pillarize([cloud], GRID, CapacityConfig(max_points=4))
    assert (points.points[:, 0].tolist(), points.clipped) == (cloud[:4, 0].tolist(), 2)
    pillars = pillarize([cloud], GRID, CapacityConfig(max_pillars=2))
    assert sorted(pillars.cells[:, 2].tolist()) == [8, 9]
    assert pillars.clipped == 2


def test_equals_the_capped_version_where_no_cap_binds() -> None:
    cloud = random_cloud(3, 200)
    free = pillarize([cloud], GRID, FREE)
    capped = pillarize([cloud], GRID, CapacityConfig(max_points_per_pillar=200))
    assert as_dictionary(free) == as_dictionary(capped)
