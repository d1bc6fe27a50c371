"""Sensors that come with the package, and what a sensor of one's own may say."""

import numpy as np
import pytest
from small_sensor import spinning

from pd_ros.detection.config.base import parse_config
from training.simulate.frames import simulate_frame
from training.simulate.lidar.scan import SpinningScan
from training.simulate.lidar.sensor import Sensor
from training.simulate.lidar.sensor_files import load_rig, load_sensor, sensor_names

NAMES = sensor_names()
GOOD = {
    "title": "mine",
    "scan": {"elevations_deg": [-15.0, -5.0, 5.0], "firings_per_turn": 900},
    "range_m": [0.5, 100.0],
    "range_noise_m": 0.02,
}


def scan_of(name: str) -> SpinningScan:
    scan = load_sensor(name).scan
    assert isinstance(scan, SpinningScan)
    return scan


@pytest.mark.parametrize("name", NAMES)
def test_every_file_says_where_its_figures_come_from(name) -> None:
    sources = load_sensor(name).sources
    assert all(getattr(sources, key) for key in type(sources).model_fields)


@pytest.mark.parametrize("name", NAMES)
def test_rays_are_unit_vectors_in_the_order_of_firing(name) -> None:
    sensor = load_sensor(name)
    rays = sensor.rays(12.3)
    assert rays.directions.shape == (sensor.scan.pulses(sensor.rate_hz), 3)
    np.testing.assert_allclose(np.linalg.norm(rays.directions, axis=1), 1, atol=1e-12)
    assert (np.diff(rays.time_s) >= 0).all()
    assert rays.time_s[0] == 0 and rays.time_s[-1] < 1 / sensor.rate_hz
    assert rays.ring.min() == 0 and rays.ring.max() == sensor.scan.rings - 1


@pytest.mark.parametrize(
    ("name", "beams", "lowest", "highest", "firings"),
    [
        ("hdl64e", 64, -23.65, 2.3, 2160),
        ("hdl32e", 32, -30.67, 10.67, 2170),  # 0.1 s / 46.08 us
        ("vlp16", 16, -15, 15, 1800),
        ("vlp32c", 32, -25, 15, 1808),  # 0.1 s / 55.296 us
        ("vls128", 128, -25, 15, 1876),  # 0.1 s / 53.3 us
        ("os1_32", 32, -22.5, 22.5, 1024),
        ("os1_64", 64, -22.5, 22.5, 1024),
        ("os1_128", 128, -22.5, 22.5, 1024),
        ("pandar64", 64, -24.879, 14.9, 1800),  # 0.2 degrees
        ("xt16", 16, -15, 15, 2000),  # 0.18 degrees
        ("xt32", 32, -16, 15, 2000),
        ("helios32", 32, -55, 15, 1808),
        ("ruby", 128, -25.05, 15.03, 1800),
        ("beams128", 128, -25, 15, 1800),
    ],
)
def test_tables_of_the_data_sheets(name, beams, lowest, highest, firings) -> None:
    scan = scan_of(name)
    table = scan.elevations
    assert (len(table), table[0], table[-1]) == (beams, lowest, highest)
    assert scan.firings_per_turn == firings


def test_spacing_of_beams() -> None:
    np.testing.assert_allclose(np.diff(scan_of("vlp16").elevations), 2.0)
    np.testing.assert_allclose(np.diff(scan_of("hdl32e").elevations), 4 / 3, atol=0.02)
    gaps = np.diff(scan_of("hdl64e").elevations)
    np.testing.assert_allclose(gaps[:31], 1 / 2, atol=0.02)
    np.testing.assert_allclose(gaps[32:], 1 / 3, atol=0.02)
    table = np.array(scan_of("pandar64").elevations)
    dense = table[(table > -6.1) & (table < 2.1)]
    assert len(dense) == 49
    np.testing.assert_allclose(np.diff(dense), 1 / 6, atol=0.02)
    table = np.array(scan_of("beams128").elevations)
    about = (table[:-1] > -6.25) & (table[1:] < 2.05)
    assert about.sum() == 65 and np.diff(table)[about].max() < 0.13


# What training data was made with before sensors were files: blocks of beams, firings a turn.
OLD = {
    "hdl64e": (((-23.65, -8.42, 32), (-7.83, 2.3, 32)), 2160),
    "vlp16": (((-15.0, 15.0, 16),), 1800),
    "beams128": (((-25.0, -6.5, 38), (-6.2, 2.0, 66), (2.4, 15.0, 24)), 1800),
}


@pytest.mark.parametrize("name", OLD)
def test_directions_of_the_sensors_that_training_data_was_made_with_are_the_same_bits(
    name,
) -> None:
    blocks, steps = OLD[name]
    elevation = np.radians([float(v) for block in blocks for v in np.linspace(*block)])
    azimuth = np.pi - np.arange(steps) * 2 * np.pi / steps
    flat = np.stack((np.cos(azimuth), np.sin(azimuth)), axis=1)
    xy = flat[:, None] * np.cos(elevation)[None, :, None]
    z = np.broadcast_to(np.sin(elevation), xy.shape[:2])
    directions = np.concatenate((xy, z[..., None]), axis=2).reshape(-1, 3)
    rays = load_sensor(name).rays()
    assert rays.directions.tobytes() == directions.tobytes()
    number = np.arange(len(directions))
    assert (rays.ring == number % len(elevation)).all()
    old_times = (number // len(elevation) * (0.1 / steps)).astype(np.float32)
    assert rays.time_s.astype(np.float32).tobytes() == old_times.tobytes()


# Points, and sums of their x, y, z and intensity, of a frame before sensors were files. Other
# processors may round a ray's distance otherwise, so no digest of the bytes.
OLD_FRAMES = {
    "hdl64e": (125676, (-12748.4009, 73326.7580, -124923.3180, 33099.9000)),
    "vlp16": (23167, (-25123.8800, 44596.1661, 3038.2270, 6388.5300)),
    "beams128": (196601, (-113995.0228, 250342.6640, -76672.0610, 51338.2900)),
}


@pytest.mark.parametrize("name", OLD_FRAMES)
def test_frames_are_as_they_were_before_sensors_were_files(name) -> None:
    points = simulate_frame(7, load_rig(name)).points
    count, sums = OLD_FRAMES[name]
    assert abs(len(points) - count) <= 3
    np.testing.assert_allclose(points.astype(float).sum(axis=0), sums, rtol=0, atol=300)
    if len(points) == count:
        np.testing.assert_allclose(points.astype(float).sum(axis=0), sums, rtol=0, atol=1)


def test_a_turn_starts_behind_and_goes_clockwise_beam_by_beam() -> None:
    small = spinning((-30.0, 0.0, 10.0), 4)
    rays = small.rays()
    flat = rays.directions[1::3]
    np.testing.assert_allclose(flat, [[-1, 0, 0], [0, 1, 0], [1, 0, 0], [0, -1, 0]], atol=1e-12)
    np.testing.assert_allclose(rays.directions[0, 2], -0.5)
    assert rays.ring.tolist() == [0, 1, 2] * 4
    np.testing.assert_allclose(rays.time_s[::3], [0, 0.025, 0.05, 0.075])


def test_offsets_turn_single_beams_counter_clockwise() -> None:
    scan = SpinningScan(
        elevations_deg=(0.0, 10.0), azimuth_offsets_deg=(0.0, 90.0), firings_per_turn=2
    )
    sensor = spinning((0.0, 10.0), 2).model_copy(update={"scan": scan})
    flat = sensor.rays().directions[:, :2]
    near = np.cos(np.radians(10))
    np.testing.assert_allclose(flat, [[-1, 0], [0, -near], [1, 0], [0, near]], atol=1e-12)


def test_blind_zones_fire_nothing_and_the_rest_stays() -> None:
    whole = spinning((-10.0, 0.0), 360)
    half = whole.model_copy(update={"blind_deg": ((90.5, 269.5),)})  # behind
    rays, seen = whole.rays(), half.rays()
    assert len(seen.ring) == len(rays.ring) - 2 * 179
    assert (seen.directions[:, 0] > -0.01).all()
    kept = np.flatnonzero(rays.directions[:, 0] > -0.01)
    np.testing.assert_array_equal(seen.directions, rays.directions[kept])
    np.testing.assert_array_equal(seen.time_s, rays.time_s[kept])


def test_a_faster_head_fires_less_often_in_a_turn() -> None:
    fast = load_sensor("hdl32e").at_rate(20.0)
    assert fast.scan.pulses(20.0) == 32 * 1085
    assert fast.rays().time_s.max() < 0.05
    livox = load_sensor("mid360").at_rate(20.0)
    assert len(livox.rays().ring) == 10_000
    with pytest.raises(ValueError, match="over 0 and up to 100 Hz, got 0"):
        fast.at_rate(0.0)
    with pytest.raises(ValueError, match="at most 2,000,000 pulses in a sweep, got 6,944,000"):
        fast.at_rate(0.1)


def test_a_mid360_covers_its_field_of_view_and_does_not_repeat() -> None:
    sensor = load_sensor("mid360")
    first, second = sensor.rays(0.0), sensor.rays(0.1)
    elevation = np.degrees(np.arcsin(first.directions[:, 2]))
    assert -7.001 < elevation.min() < -6.5 and 51.5 < elevation.max() < 52.001
    share, _ = np.histogram(elevation, np.linspace(-7, 52, 8))
    np.testing.assert_allclose(share / len(elevation), 1 / 7, atol=0.02)
    azimuth = np.degrees(np.arctan2(first.directions[:, 1], first.directions[:, 0]))
    share, _ = np.histogram(azimuth, np.linspace(-180, 180, 13))
    np.testing.assert_allclose(share / len(azimuth), 1 / 12, atol=0.02)
    assert np.abs(first.directions - second.directions).max() > 0.1


def test_an_avia_draws_a_rosette_of_its_field_of_view() -> None:
    sensor = load_sensor("avia")
    directions = np.concatenate([sensor.rays(start / 10).directions for start in range(10)])
    azimuth = np.degrees(np.arctan2(directions[:, 1], directions[:, 0]))
    elevation = np.degrees(np.arcsin(directions[:, 2]))
    assert np.ptp(azimuth) == pytest.approx(70.4, abs=0.3)
    assert np.ptp(elevation) == pytest.approx(77.2, abs=0.3)
    middle = np.hypot(azimuth, elevation) < 12  # rosettes are dense in the middle
    assert middle.mean() > 1.7 * 12**2 / (35.2 * 38.6)
    assert np.abs(sensor.rays(0.0).directions - sensor.rays(0.1).directions).max() > 0.1


def mine(**other: object) -> dict[str, object]:
    return GOOD | other


def with_scan(**other: object) -> dict[str, object]:
    return mine(scan=GOOD["scan"] | other)


def swinging(points: int = 200_000, rate_hz: float = 10.0, *elevation: float) -> dict[str, object]:
    scan = {
        "kind": "swinging", "points_per_second": points, "elevation_deg": elevation,
        "turn_rate_hz": 10, "swing_rate_hz": 190,
    }  # fmt: skip
    return mine(scan=scan, rate_hz=rate_hz)


BAD_ANGLES = {
    (): "scan.elevations_deg: expected the angles of 1 to 256 beams, got 0; write one",
    (5.0, -5.0): "rise from the lowest beam to the highest, got -5 after 5 (beam 2); sort",
    (-5.0, 1.0, 1.0): "got 1 after 1 (beam 3); sort them and take out what is there twice",
    (-0.43, 0.19): "got -0.43 to 0.19 for all 2 beams, which is what radians look like (-24.6 to"
    " 10.9 degrees); multiply by 57.29578",
    (-2490.0, 1500.0): "within -90 to 90, got -2490 to 1500; divide what is in hundredths",
}
SPAN = {"first": -10.0, "last": 10.0, "beams": 300}
BAD = [
    *((with_scan(elevations_deg=angles), message) for angles, message in BAD_ANGLES.items()),
    (with_scan(elevations_deg=[SPAN]), "beams: Input should be less than or equal to 256"),
    (with_scan(azimuth_offsets_deg=[1.0]), "expected one number per beam (3) or none, got 1"),
    (with_scan(firings_per_turn=0), "scan.firings_per_turn: Input should be greater than or"),
    (with_scan(kind="sonar"), "scan: "),
    (swinging(200_000, 10.0, 52, -7), "the lowest angle, then the highest, got 52, -7"),
    (swinging(200_000, 10.0, -0.12, 0.9), "which is what radians look like"),
    (swinging(20_000_000, 1.0, -7, 52), "at most 2,000,000 pulses in a sweep, got 20,000,000"),
    (mine(rate_hz=0.0), "rate_hz: Input should be greater than 0"),
    (mine(rate_hz=1000.0), "rate_hz: Input should be less than or equal to 100"),
    (mine(range_m=[100.0, 0.5]), "the shortest range, then the longest in metres, got 100, 0.5"),
    (mine(range_m=[0.5, 100_000.0]), "range_m.1: Input should be less than or equal to 1000"),
    (mine(range_at_10_percent_m=120.0), "expected a range within range_m (0.5 to 100 m), got 120"),
    (mine(range_noise_m=2.0), "range_noise_m: Input should be less than or equal to 1"),
    (mine(dropout=4.0), "dropout: Input should be less than or equal to 1"),
    (mine(returns=3), "returns: Input should be 1 or 2"),
    (mine(blind_deg=[[30.0, -30.0]]), "counter-clockwise, the second after the first"),
    (mine(noise=1), "noise: unknown key"),
]


def test_a_good_file_is_taken() -> None:
    assert parse_config(GOOD, Sensor, "mine.yaml").scan.rings == 3


@pytest.mark.parametrize(("content", "message"), BAD, ids=lambda value: None)
def test_bad_figures_are_refused_with_what_was_found(content, message) -> None:
    with pytest.raises(ValueError, match=r"^mine\.yaml: ") as error:
        parse_config(content, Sensor, "mine.yaml")
    assert message in str(error.value)
