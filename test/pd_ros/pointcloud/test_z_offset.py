"""The offset that is measured once: what it is, when it is settled, and where it is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spinning import SENSORS, Scene, sweep
from street import street

from pd_ros.pointcloud.z_offset import CLOUDS, AutoOffset, measure_offset, parse_offset

ROOM = np.random.default_rng(0).uniform(-18, 18, (3000, 4)).astype(np.float32)  # no ground


def test_it_is_settled_after_so_many_clouds_and_never_again() -> None:
    offset = AutoOffset(-1.73)
    for number in range(CLOUDS):
        assert offset.offset_m is None
        assert offset.text == f"auto: measuring the ground, {number} of {CLOUDS} clouds so far"
        offset.add(street(-2.15, seed=number))
    assert offset.found
    assert offset.offset_m == pytest.approx(0.42, abs=0.03)
    assert offset.text.startswith("0.4") and "(auto: ground at -2.1" in offset.text
    before = offset.offset_m
    offset.add(street(-9.0))
    assert offset.offset_m == before


@settings(max_examples=10, deadline=None)
@given(height=st.floats(-3, 0), trained=st.floats(-3, 0), seed=st.integers(0, 100))
def test_the_ground_goes_where_the_trainings_is(height, trained, seed) -> None:
    offset = measure_offset([street(height, seed=seed)], trained).settle()
    assert height + offset == pytest.approx(trained, abs=0.06)


def test_few_clouds_that_are_odd_do_not_matter() -> None:
    clouds = [street(-2.0), ROOM, street(-2.02, seed=1), street(-0.5, seed=2), street(-1.98)]
    assert measure_offset(clouds, -1.7).settle() == pytest.approx(0.3, abs=0.06)


def test_clouds_without_points_do_not_count() -> None:
    offset = AutoOffset(-1.7)
    for _ in range(20):
        offset.add(np.zeros((0, 4), np.float32))
    assert (offset.clouds, offset.offset_m) == (0, None)


@pytest.mark.parametrize(
    ("clouds", "trained", "why"),
    [
        ([ROOM] * CLOUDS, -1.7, "no ground was seen in the first 5 clouds"),
        ([street(-2.0), street(-0.5), street(1.0), ROOM, ROOM], -1.7, "no ground was seen"),
        ([ROOM], -1.7, "no ground was seen in the first 1 cloud)"),
        ([], -1.7, "no ground was seen in the first 0 clouds"),
        ([street(-30.0)] * CLOUDS, -1.7, "no mounting explains a ground at -30.0 m"),
        ([street(-2.0)] * CLOUDS, None, "the model's training saw no level ground"),
    ],
)
def test_where_it_cannot_be_known_it_is_0_and_says_why(clouds, trained, why) -> None:
    offset = measure_offset(clouds, trained)
    assert (offset.offset_m, offset.found) == (0.0, False)
    assert offset.text.startswith("0.00 (auto: ")
    assert why in offset.text


@pytest.mark.parametrize("tilt_deg", [(2.0, 0.0), (0.0, -2.0)])
def test_a_sensor_that_is_tilted(tilt_deg) -> None:
    scene = Scene(height_m=2.23, walls=((1, 8.0), (1, -8.0)), tilt_deg=tilt_deg)
    clouds = [sweep(SENSORS["hdl32e"], scene, seed) for seed in range(CLOUDS)]
    # A tilt to the side that walls cut short hardly spreads the ground, and is not told from none.
    assert measure_offset(clouds, -1.73).settle() == pytest.approx(0.5, abs=0.12)


def test_what_is_typed() -> None:
    assert parse_offset("auto") is None
    assert parse_offset("-0.5") == -0.5
    for text in ("Auto", "", "high", "nan", "inf", "10.5"):
        with pytest.raises(ValueError, match="expected auto or a number of metres from -10 to 10"):
            parse_offset(text)
