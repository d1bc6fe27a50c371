"""Fixtures: every kind occurs, stands on the ground, and is no label."""

from collections import Counter

import numpy as np
import pytest

from training.simulate.bodies.mesh import Material
from training.simulate.lidar.observe import Mount, observe
from training.simulate.world import buildings, fences, furniture, vegetation
from training.simulate.world.street import make_street

MAKERS = {
    name.removeprefix("make_"): make
    for module in (buildings, fences, furniture, vegetation)
    for name, make in vars(module).items()
    if name.startswith("make_")
}
FOUNDED = sorted(set(MAKERS) - {"hedge", "hedge_block", "bush", "undergrowth", "conifer"})
# Clutter of the sizes that cars and people have: length, width, height of its lower 2 m.
CAR = ((3.0, 1.0, 1.1), (6.0, 2.6, 2.0))
PERSON = ((0.1, 0.1, 1.2), (1.2, 1.2, 2.0))


@pytest.fixture(scope="module")
def streets():
    return [make_street(np.random.default_rng(seed)) for seed in range(30)]


def test_every_kind_occurs(streets) -> None:
    kinds = Counter(fixture.kind for street in streets for fixture in street.fixtures)
    assert set(kinds) == set(MAKERS)
    assert min(kinds.values()) >= 5


def test_clutter_is_never_labelled(streets, coarse) -> None:
    """A street without road users gives many returns above the ground, and no box."""
    street = next(s for s in streets if len(s.fixtures) > 100)
    alone = street.__class__(street.terrain, street.ego, (), street.fixtures)
    sweep = observe(alone, Mount(1.7, True), 0.0, coarse, np.random.default_rng(0))
    assert sweep.boxes.shape == (0, 7) and sweep.labels == ()
    assert (sweep.points[:, 2] > -0.5).sum() > 200


def test_clutter_has_the_sizes_of_cars_and_of_people(streets) -> None:
    sizes = np.array([f.footprint[3:6] for street in streets for f in street.fixtures])
    for least, most in (CAR, PERSON):
        fits = ((sizes > least) & (sizes < most)).all(axis=1)
        assert fits.sum() > 3 * len(streets)


@pytest.mark.parametrize("kind", FOUNDED)
def test_solid_fixtures_are_founded_below_the_ground(kind) -> None:
    """So that no gap opens under them where the ground slopes; hedges are loose leaves."""
    for seed in range(20):
        mesh = MAKERS[kind](np.random.default_rng(seed))
        assert mesh.triangles[..., 2].min() < -0.04
        assert mesh.triangles[..., 2].max() > 0.3


@pytest.mark.parametrize("kind", ["hedge", "hedge_block", "bush", "undergrowth", "conifer"])
def test_plants_reach_near_the_ground(kind) -> None:
    lowest = [MAKERS[kind](np.random.default_rng(s)).triangles[..., 2].min() for s in range(40)]
    assert np.median(lowest) < 0.1
    assert max(lowest) < 0.6


def test_fronts_of_houses_have_relief() -> None:
    for seed in range(20):
        house = buildings.make_house(np.random.default_rng(seed))
        corners = house.triangles.reshape(-1, 3)
        front = corners[(corners[:, 1] < 0) & (np.abs(corners[:, 2] - 1.5) < 1.5), 1]
        assert len(np.unique(front.round(3))) >= 2
        assert {Material.GLASS, Material.BRICK} <= set(house.material.tolist())
