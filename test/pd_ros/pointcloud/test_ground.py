"""The ground of made-up scenes whose height is known, at any slope, under noise and roofs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spinning import SENSORS, Scene, sweep

from pd_ros.pointcloud.ground import find_ground, ground_height

WALLS = ((1, 8.0), (1, -8.0))
SCENES = {
    "open": Scene(),
    "a street": Scene(walls=WALLS),
    "a ramp": Scene(walls=WALLS, slope=(0.1, 0.0)),
    "a sensor tilted to the side": Scene(tilt_deg=(2.0, 0.0)),
    "a sensor tilted forward": Scene(walls=WALLS, tilt_deg=(0.0, 2.0)),
    "a parking garage": Scene(
        walls=((0, 20.0), (0, -6.0), (1, 7.0), (1, -9.0)), ceiling_m=2.4, height_m=1.6
    ),
    "mirrors and rain": Scene(walls=WALLS, below=0.05),
    "few echoes": Scene(walls=WALLS, kept=0.1),
    "between walls": Scene(walls=((1, 2.5), (1, -2.5))),
}


@pytest.mark.parametrize("sensor", ["hdl64e", "hdl32e", "vlp16"])
@pytest.mark.parametrize("name", SCENES)
def test_the_ground_is_where_it_is(name, sensor) -> None:
    scene = SCENES[name]
    found = ground_height(sweep(SENSORS[sensor], scene))
    assert found == pytest.approx(-scene.height_m, abs=0.05)


@pytest.mark.parametrize("height", [0.5, 1.73, 3.0])
def test_in_a_vehicles_frame_the_ground_is_at_0(height) -> None:
    points = sweep(SENSORS["hdl64e"], Scene(walls=WALLS, height_m=height))
    points[:, 2] += height
    assert ground_height(points) == pytest.approx(0, abs=0.05)


@settings(max_examples=25, deadline=None)
@given(
    height=st.floats(0.4, 3.0),
    slope_x=st.floats(-0.08, 0.08),
    slope_y=st.floats(-0.08, 0.08),
    noise=st.floats(0, 0.03),
    seed=st.integers(0, 1000),
)
def test_any_plane_is_found_with_its_slope(height, slope_x, slope_y, noise, seed) -> None:
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-20, 20, (8000, 2))
    z = -height + slope_x * xy[:, 0] + slope_y * xy[:, 1] + rng.normal(0, noise, len(xy))
    points = np.column_stack((xy, z)).astype(np.float32)
    ground = find_ground(points)
    assert ground is not None
    # A slope that hardly spreads the ground is taken for none, and its heights are near anyway.
    assert ground.height_m == pytest.approx(-height, abs=0.1)
    assert np.abs(ground.above(points)).mean() < 0.3
    if abs(slope_x) + abs(slope_y) > 0.05:
        assert ground.slope_x == pytest.approx(slope_x, abs=0.01)
        assert ground.slope_y == pytest.approx(slope_y, abs=0.01)


def test_roofs_alone_are_no_ground() -> None:
    """Over cars that stand close, a sensor that looks up sees roofs and their sides."""
    rng = np.random.default_rng(0)
    xy = rng.uniform(-17, 17, (20_000, 2))
    roofs = np.column_stack((xy, np.full(len(xy), -0.2)))
    sides = np.column_stack((rng.uniform(-17, 17, (8000, 2)), rng.uniform(-1.5, -0.2, 8000)))
    points = np.concatenate((roofs, sides)).astype(np.float32)
    assert ground_height(points) is None
    assert ground_height(np.zeros((0, 4), np.float32)) is None
