"""Clouds of known make-up, and real ones."""

import math

import numpy as np
import pytest
from street import street

from pd_ros.pointcloud.ground import ground_height
from pd_ros.pointcloud.statistics import measure_cloud
from pd_ros.recordings.cloud_files import read_cloud

RANGE_M = (-50.0, -40.0, -4.0, 50.0, 40.0, 2.0)


@pytest.mark.parametrize("height", [-2.4, -1.73, -0.35, 0.0])
def test_the_ground_is_found_wherever_the_sensor_is(height) -> None:
    assert ground_height(street(height)) == pytest.approx(height, abs=0.12)


def test_a_slope_gives_the_height_about_the_sensor() -> None:
    assert ground_height(street(-1.7, slope=0.03)) == pytest.approx(-1.7, abs=0.5)


def test_echoes_from_below_the_ground_do_not_count() -> None:
    stray = street(-9.0)[:300]
    assert ground_height(np.concatenate((street(), stray))) == pytest.approx(-1.7, abs=0.12)


def test_scattered_points_and_few_points_have_no_ground() -> None:
    rng = np.random.default_rng(0)
    cube = rng.uniform(-18, 18, (3000, 4)).astype(np.float32)
    assert ground_height(cube) is None
    assert ground_height(street()[:50]) is None
    assert ground_height(np.zeros((0, 4), np.float32)) is None


def test_what_is_counted() -> None:
    nan, good = [math.nan, 0, 0, 0.5], [1, 2, -1.5, 0.5]
    assert measure_cloud(np.float32([good, [1, 2, 3, math.nan]]), RANGE_M).no_intensity == 0.5
    points = np.float32([good, good, nan, [0, 0, 0, 0.9], [90, 0, 0, 1.0], [0, math.inf, 0, 0]])
    content = measure_cloud(points, RANGE_M)
    assert (content.points, content.points_in_range) == (6, 2)
    assert content.not_finite == pytest.approx(2 / 6)
    assert content.at_origin == pytest.approx(1 / 6)
    assert content.in_range == pytest.approx(2 / 3)
    assert content.intensity[1] == 0.5
    assert content.ground_m is None


def test_a_sample_stands_for_the_whole_cloud() -> None:
    points = street()
    whole, some = measure_cloud(points, RANGE_M), measure_cloud(points[::4], RANGE_M, len(points))
    assert some.points == whole.points
    assert some.points_in_range == pytest.approx(whole.points_in_range, rel=0.05)


def test_no_points_are_measured_too() -> None:
    content = measure_cloud(np.zeros((0, 4), np.float32), RANGE_M)
    assert (content.points, content.points_in_range, content.in_range) == (0, 0, 0)
    assert content.ground_m is None
    assert math.isnan(content.intensity[1])


def test_the_ground_of_real_streets(data_dir) -> None:
    """KITTI's sensor is 1.73 m above the road; the others' by the corpus' own description."""
    for path in sorted((data_dir / "kitti_object/training/velodyne").glob("*.bin")):
        assert ground_height(read_cloud(path, 1.0).points) == pytest.approx(-1.73, abs=0.3)
    expected = {
        "other_sensors/av2*": -0.35,
        "other_sensors/nuscenes*": -1.8,
        "pandaset_002/*": -0.4,
    }
    for pattern, height in expected.items():
        for path in sorted((data_dir / "corpus").glob(f"{pattern}.npz"))[::8]:
            assert ground_height(read_cloud(path, 1.0).points) == pytest.approx(height, abs=0.35)
