"""Rings counted in made-up sweeps, and in real ones of sensors that are known."""

import numpy as np
import pytest
from spinning import SENSORS, Scene, sweep

from pd_ros.pointcloud.beams import measure_beams, refuse_other_rings, sparser

STREET = Scene(walls=((1, 8.0), (1, -8.0)), ceiling_m=9.0)


@pytest.mark.parametrize(
    ("name", "rings", "step"), [("hdl64e", 64, 0.167), ("hdl32e", 32, 0.333), ("vlp16", 16, 0.2)]
)
def test_the_rings_of_a_spinning_sensor(name, rings, step) -> None:
    beams = measure_beams(sweep(SENSORS[name], STREET))
    assert beams is not None
    assert (beams.pattern, beams.rings) == ("spinning", rings)
    elevations = SENSORS[name].elevations_deg
    assert (beams.lowest_deg, beams.highest_deg) == pytest.approx(
        (elevations[0], elevations[-1]), abs=0.1
    )
    assert beams.azimuth_step_deg == pytest.approx(step, abs=0.01)


@pytest.mark.parametrize(("name", "rings"), [("hdl64e", 64), ("hdl32e", 32)])
def test_a_cloud_in_a_vehicles_frame_has_as_many(name, rings) -> None:
    points = sweep(SENSORS[name], STREET)
    points[:, 2] += STREET.height_m
    beams = measure_beams(points)
    assert beams is not None
    assert beams.rings == pytest.approx(rings, rel=0.1)
    assert beams.lowest_deg == pytest.approx(SENSORS[name].elevations_deg[0], abs=2)


def test_neither_order_nor_missing_echoes_matter() -> None:
    points = sweep(SENSORS["hdl64e"], STREET._replace(kept=0.8))
    np.random.default_rng(0).shuffle(points)
    points[::50, 0] = np.nan
    beams = measure_beams(points)
    assert beams is not None
    assert beams.rings == 64


def test_scattered_directions_have_no_rings() -> None:
    beams = measure_beams(sweep(None, STREET))
    assert beams is not None
    assert (beams.pattern, beams.rings) == ("non-repetitive", 0)
    assert beams.text == "no rings (a non-repetitive pattern), -7 to 52 deg"


def test_few_points_say_nothing() -> None:
    assert measure_beams(np.zeros((0, 4), np.float32)) is None
    assert measure_beams(sweep(SENSORS["vlp16"], STREET)[:900]) is None
    assert measure_beams(np.full((5000, 4), np.nan, np.float32)) is None


def test_another_sensor_than_named_is_refused() -> None:
    clouds = [sweep(SENSORS["hdl64e"], STREET, seed) for seed in range(2)]
    refuse_other_rings(clouds, 64, "hdl64e", "drive.mcap")
    refuse_other_rings(clouds, 60, "mine", "drive.mcap")
    message = r"drive.mcap: expected sweeps of vlp16 \(16 rings\), found 64 rings, -24 to 2 deg"
    with pytest.raises(ValueError, match=message):
        refuse_other_rings(clouds, 16, "vlp16", "drive.mcap")
    with pytest.raises(ValueError, match=r"expected sweeps of mid360 \(no rings\), found 64"):
        refuse_other_rings(clouds, 0, "mid360", "drive.mcap")
    scattered = [sweep(None, STREET)]
    refuse_other_rings(scattered, 0, "mid360", "drive.mcap")
    with pytest.raises(ValueError, match=r"\(64 rings\), found no rings"):
        refuse_other_rings(scattered, 64, "hdl64e", "drive.mcap")
    refuse_other_rings([np.zeros((0, 4), np.float32)], 64, "hdl64e", "drive.mcap")


def test_sparser_is_clearly_fewer() -> None:
    assert sparser(16, 32) and sparser(32, 64)
    assert not sparser(52, 64) and not sparser(64, 64) and not sparser(64, 16)
