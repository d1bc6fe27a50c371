import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.simulate.bodies.bicycles import make_bicycle, make_motorcycle
from training.simulate.bodies.cars import make_car
from training.simulate.bodies.mesh import Material
from training.simulate.bodies.people import make_cyclist, make_pedestrian
from training.simulate.bodies.vehicles import make_bus, make_trailer, make_truck, make_van

# Posts of a car's windows stand a centimetre out; a wheel of ten edges ends 2.5 cm above ground.
POSTS_M, WHEELS_M = 0.0101, 0.025
PEOPLE = [make_pedestrian, make_cyclist]
VEHICLES = [make_car, make_van, make_truck, make_bus]
UNMANNED = [make_trailer, make_bicycle, make_motorcycle]
SEEDS = st.integers(0, 2**32 - 1)

SIZES = {  # least and most length, width, height
    make_car: ((3.15, 1.36, 1.28), (5.26, 2.17, 2.08)),
    make_van: ((4.2, 1.75, 1.75), (6.0, 2.1, 2.7)),
    make_truck: ((6.5, 2.3, 2.8), (12.0, 2.55, 3.8)),
    make_bus: ((9.5, 2.55, 2.9), (12.0, 2.55, 3.3)),
    make_trailer: ((1.8, 1.3, 0.8), (6.5, 2.3, 2.7)),
    make_bicycle: ((1.6, 0.5, 0.9), (2.0, 1.1, 1.15)),
    make_motorcycle: ((1.5, 0.6, 0.85), (2.4, 0.9, 1.5)),
    make_pedestrian: ((0.25, 0.3, 0.99), (2.0, 1.2, 2.05)),
    make_cyclist: ((1.54, 0.44, 1.59), (2.18, 0.9, 1.91)),
}


def bounds(body):
    corners = body.mesh.triangles.reshape(-1, 3)
    return corners.min(axis=0), corners.max(axis=0)


@settings(max_examples=40)
@pytest.mark.parametrize("make", VEHICLES + UNMANNED)
@given(SEEDS)
def test_a_body_fills_its_box_and_stays_within(make, seed) -> None:
    body = make(np.random.default_rng(seed))
    low, high = bounds(body)
    half = np.array([body.length / 2, body.width / 2])
    for found in (-low[:2], high[:2]):
        assert found[0] == pytest.approx(half[0], abs=1e-9)
        assert half[1] - 1e-9 < found[1] < half[1] + POSTS_M
    assert -1e-9 < low[2] < WHEELS_M
    assert high[2] == pytest.approx(body.height, abs=1e-9)


@settings(max_examples=40)
@pytest.mark.parametrize("make", PEOPLE)
@given(SEEDS)
def test_people_are_within_their_box_and_as_high_as_it(make, seed) -> None:
    """Their labels are as wide as all of their steps need, not as the moment's."""
    body = make(np.random.default_rng(seed))
    low, high = bounds(body)
    assert (high[:2] <= np.array([body.length, body.width]) / 2 + 1e-9).all()
    np.testing.assert_allclose(low[:2], -high[:2], atol=1e-9)
    assert low[2] == pytest.approx(0, abs=1e-9)
    assert high[2] == pytest.approx(body.height, abs=1e-9)
    assert high[0] > 0.15 * body.length and high[1] > 0.2 * body.width


@settings(max_examples=40)
@pytest.mark.parametrize("make", VEHICLES + UNMANNED + PEOPLE)
@given(SEEDS)
def test_sizes_are_those_of_their_kind(make, seed) -> None:
    body = make(np.random.default_rng(seed))
    size = (body.length, body.width, body.height)
    least, most = SIZES[make]
    assert all(a <= value <= b for a, value, b in zip(least, size, most, strict=True))


@settings(max_examples=20)
@pytest.mark.parametrize("make", [make_van, make_truck])
@given(SEEDS)
def test_the_nose_points_along_x(make, seed) -> None:
    """Lorries and vans are lower in front of the windscreen."""
    body = make(np.random.default_rng(seed))
    corners = body.mesh.triangles.reshape(-1, 3)
    front = corners[corners[:, 0] > body.length * 0.45, 2].max()
    rear = corners[corners[:, 0] < -body.length * 0.45, 2].max()
    assert front < rear - 0.3


@pytest.mark.parametrize("make", VEHICLES)
def test_vehicles_have_wheels_and_plates_at_both_ends(make) -> None:
    body = make(np.random.default_rng(1))
    for material in (Material.RUBBER, Material.PLATE):
        x = body.mesh.triangles[body.mesh.material == material].mean(axis=1)[:, 0]
        assert x.min() < -body.length / 5 < body.length / 5 < x.max()


def test_cars_differ() -> None:
    lengths = {make_car(np.random.default_rng(seed)).length for seed in range(50)}
    assert max(lengths) - min(lengths) > 1
    assert len(lengths) > 45


def test_cars_have_windows_above_their_belt_and_paint_all_around() -> None:
    for seed in range(30):
        body = make_car(np.random.default_rng(seed))
        kinds = body.mesh.material
        heights = body.mesh.triangles[..., 2]
        glass = heights[kinds == Material.GLASS]
        assert 0.5 * body.height < glass.min() < 0.7 * body.height
        assert glass.max() == pytest.approx(body.height)
        paint = body.mesh.triangles[kinds == Material.PAINT]
        assert np.ptp(paint[..., 0]) == pytest.approx(body.length)


def test_walkers_step_out_and_standing_people_do_not() -> None:
    walking, standing = (
        [np.ptp(make_pedestrian(np.random.default_rng(s), w).mesh.triangles[..., 0])
         for s in range(200)]
        for w in (True, False)
    )  # fmt: skip
    assert np.median(walking) > 1.4 * np.median(standing)
