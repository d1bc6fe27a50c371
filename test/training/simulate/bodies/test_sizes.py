"""Drawn sizes follow the measured tables."""

import numpy as np
import pytest

from training.simulate.bodies.cars import make_car
from training.simulate.bodies.sizes import CARS, CYCLISTS, PEDESTRIANS, draw_size


def drawn(tables, count=4000):
    rng = np.random.default_rng(0)
    return np.array([draw_size(rng, tables) for _ in range(count)])


@pytest.mark.parametrize("table", [*CARS, *PEDESTRIANS, *CYCLISTS])
def test_one_table_gives_its_mean_deviation_and_correlation(table) -> None:
    sizes = drawn((table,))
    np.testing.assert_allclose(sizes.mean(axis=0), table.mean, rtol=0.05)
    # Percentiles cut the tails, so that the deviation comes out a little smaller.
    ratio = sizes.std(axis=0) / table.deviation
    assert (ratio > 0.75).all() and (ratio < 1.02).all()
    found = np.corrcoef(sizes.T)[[0, 0, 1], [1, 2, 2]]
    np.testing.assert_allclose(found, table.correlation, atol=0.1)
    assert (sizes >= table.least).all() and (sizes <= table.most).all()


def test_a_mixture_draws_from_all_of_its_tables_alike() -> None:
    sizes = drawn(CARS)
    means = np.array([table.mean for table in CARS])
    np.testing.assert_allclose(sizes.mean(axis=0), means.mean(axis=0), rtol=0.02)
    assert sizes[:, 1].std() > max(table.deviation[1] for table in CARS)


def test_cars_of_a_street_have_these_sizes() -> None:
    rng = np.random.default_rng(1)
    cars = [make_car(rng) for _ in range(600)]
    made = np.array([(car.length, car.width, car.height) for car in cars])
    np.testing.assert_allclose(made.mean(axis=0), drawn(CARS).mean(axis=0), rtol=0.02)
