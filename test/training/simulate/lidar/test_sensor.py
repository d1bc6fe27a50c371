import numpy as np
import pytest

from training.simulate.lidar.sensor import BEAMS_128, HDL_64E, SENSORS, VLP_16, Sensor

SMALL = Sensor("small", (-30.0, 0.0, 10.0), 4, 1.0, 50.0, 0.01)


@pytest.mark.parametrize("sensor", SENSORS.values(), ids=lambda sensor: sensor.name)
def test_directions_are_unit_vectors_at_the_beams_elevations(sensor) -> None:
    beams = len(sensor.elevations_deg)
    directions = sensor.directions
    assert directions.shape == (sensor.azimuth_steps * beams, 3)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1, atol=1e-12)
    elevations = np.degrees(np.arcsin(directions[:, 2])).reshape(-1, beams)
    np.testing.assert_allclose(elevations, np.tile(sensor.elevations_deg, (len(elevations), 1)))
    assert 0 < sensor.min_range_m < sensor.max_range_m


def test_a_turn_starts_behind_and_goes_clockwise_beam_by_beam() -> None:
    flat = SMALL.directions[1::3]
    np.testing.assert_allclose(flat, [[-1, 0, 0], [0, 1, 0], [1, 0, 0], [0, -1, 0]], atol=1e-12)
    np.testing.assert_allclose(SMALL.directions[0, 2], -0.5)


@pytest.mark.parametrize(
    ("sensor", "beams", "lowest", "highest"),
    [(HDL_64E, 64, -23.65, 2.3), (VLP_16, 16, -15, 15), (BEAMS_128, 128, -25, 15)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_elevation_tables(sensor, beams, lowest, highest) -> None:
    table = np.array(sensor.elevations_deg)
    assert len(table) == beams
    assert (table[0], table[-1]) == (lowest, highest)
    assert (np.diff(table) > 0).all()


def test_spacing_of_the_velodyne_beams() -> None:
    np.testing.assert_allclose(np.diff(VLP_16.elevations_deg), 2.0)
    gaps = np.diff(HDL_64E.elevations_deg)
    np.testing.assert_allclose(gaps[:31], 1 / 2, atol=0.02)
    np.testing.assert_allclose(gaps[32:], 1 / 3, atol=0.02)


def test_the_128_beams_are_densest_about_the_horizon() -> None:
    table = np.array(BEAMS_128.elevations_deg)
    gaps = np.diff(table)
    about = (table[:-1] > -6.25) & (table[1:] < 2.05)
    assert about.sum() == 65
    assert gaps[about].max() < 0.13
    assert gaps[:37].min() > 0.4 and gaps[104:].min() > 0.4
