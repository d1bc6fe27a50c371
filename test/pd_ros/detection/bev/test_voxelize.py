import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_model import small_config, small_voxel_config

from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.config.grid import CapacityConfig
from pd_ros.detection.types import Clipped

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
    free = [len(points) for points in brute_force(clouds, None).values()]
    assert sorted(batch.arrived.tolist()) == sorted(free)
    assert torch.equal(batch.counts, batch.arrived.clamp(max=cap or 999))
    assert batch.clipped == Clipped()  # late points of a full pillar are no loss


def test_upper_bounds_are_outside_and_not_finite_points_vanish() -> None:
    nan, inf = float("nan"), float("inf")
    cloud = torch.tensor(
        [[8.0, 0, 0, 0], [-8, -8, -3, 0], [nan, 0, 0, 0], [0, inf, 0, 0], [0, 0, 0, nan]]
    )
    batch = pillarize([cloud], GRID, FREE)
    assert batch.cells.tolist() == [[0, 0, 0]]
    assert batch.clipped == Clipped()


@pytest.mark.parametrize("cloud", [torch.zeros(0, 4), torch.full((5, 4), 99.0)])
def test_nothing_in_range_gives_no_pillars(cloud) -> None:
    batch = pillarize([cloud], GRID, CapacityConfig(max_points_per_pillar=3))
    assert (len(batch.points), len(batch.cells), batch.batch_size) == (0, 0, 1)


def test_capacities_thin_out_evenly_and_count_the_rest() -> None:
    cloud = torch.zeros(6, 4)
    cloud[:, 0] = torch.tensor([0.5, 1.5, 0.6, 2.5, 1.6, 3.5])
    points = pillarize([cloud], GRID, CapacityConfig(max_points=3))
    assert points.points[:, 0].tolist() == cloud[1::2, 0].tolist()
    assert points.clipped == Clipped(points=3)
    pillars = pillarize([cloud], GRID, CapacityConfig(max_pillars=2))
    assert sorted(pillars.cells[:, 2].tolist()) == [9, 11]  # every second as they are touched
    assert pillars.clipped == Clipped(pillars=3)
    both = pillarize([cloud, cloud], GRID, CapacityConfig(max_points=3, max_pillars=1))
    assert both.clipped == Clipped(points=6, pillars=4)


def sweep(count: int, turn_rad: float = 0.0) -> torch.Tensor:
    """Points as a turning sensor sends them: one direction after another."""
    azimuth = torch.linspace(-math.pi, math.pi, count + 1)[:-1] + turn_rad
    radius = 2 + 5 * torch.rand(count, generator=torch.Generator().manual_seed(1))
    return torch.stack((radius * azimuth.cos(), radius * azimuth.sin(), 0 * radius, radius), 1)


def sectors(xy: torch.Tensor) -> list[int]:
    """How much lies in each of eight directions."""
    azimuth = torch.atan2(xy[:, 1], xy[:, 0])
    return torch.histc(azimuth, 8, -math.pi, math.pi).int().tolist()


@pytest.mark.parametrize("turn_rad", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("count", [1001, 1170, 5000])
def test_no_direction_goes_blind_where_a_capacity_is_full(turn_rad, count) -> None:
    cloud, voxels = sweep(count, turn_rad), small_voxel_config(residual=False).grid
    for grid in (GRID, voxels):
        held = pillarize([cloud], grid, CapacityConfig(max_points=1000))
        assert held.clipped == Clipped(points=count - 1000)
        assert min(sectors(held.points)) >= 120  # of 125
        assert len(held.points) == 1000
        free = pillarize([cloud], grid, FREE)
        few = pillarize([cloud], grid, CapacityConfig(max_pillars=len(free.cells) // 2))
        assert len(few.cells) == len(free.cells) // 2
        assert few.clipped.pillars == count - len(few.points) > 0
        centres = [(batch.cells[:, [2, 1]] + 0.5 - grid.size[0] / 2) for batch in (free, few)]
        before, after = (sectors(xy) for xy in centres)
        assert all(0.2 * a < b < 0.8 * a for a, b in zip(before, after, strict=True))


def test_equals_the_capped_version_where_no_cap_binds() -> None:
    cloud = random_cloud(3, 200)
    free = pillarize([cloud], GRID, FREE)
    capped = pillarize([cloud], GRID, CapacityConfig(max_points_per_pillar=200))
    assert as_dictionary(free) == as_dictionary(capped)
