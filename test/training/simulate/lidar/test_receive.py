import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_sensor import spinning

from training.simulate.bodies.mesh import Material
from training.simulate.lidar.cast import Hits
from training.simulate.lidar.receive import Look, Returns, draw_look, receive
from training.simulate.lidar.sensor import Sensor

SENSOR = spinning([0.0], 1)
COUNT = 20_000


def answer(
    material: Material,
    distance: float | np.ndarray = 10.0,
    cosine: float = 1.0,
    colour: float = 0.5,
    sensor: Sensor = SENSOR,
    seed: int = 0,
) -> Returns:
    """What comes back of many pulses onto one surface."""
    distances = np.broadcast_to(np.asarray(distance, float), COUNT)
    hits = Hits(np.arange(COUNT), distances, np.arange(COUNT) * 2, np.full(COUNT, cosine))
    kinds = np.full(COUNT, material, dtype=np.int64)
    ring = np.zeros(COUNT, np.int64)
    return receive(hits, kinds, np.full(COUNT, colour), ring, sensor, np.random.default_rng(seed))


def test_range_noise_has_the_stated_spread() -> None:
    for noise in (0.02, 0.1):
        sensor = spinning([0.0], 1, range_noise_m=noise)
        error = answer(Material.BRICK, sensor=sensor).distance_m - 10
        assert error.std() == pytest.approx(noise, rel=0.03)
        assert error.mean() == pytest.approx(0, abs=5 * noise / COUNT**0.5)


def test_four_in_a_thousand_pulses_are_lost_at_random() -> None:
    lost = 1 - len(answer(Material.BRICK).ray) / COUNT
    assert lost == pytest.approx(0.004, abs=0.0015)


def test_nothing_is_reported_outside_the_ranges() -> None:
    noisy = spinning([0.0], 1, (2.0, 30.0), 0.5)
    distances = np.linspace(0.5, 33, COUNT)
    reported = answer(Material.PLATE, distances, sensor=noisy).distance_m
    assert 2.0 < reported.min() < 2.05
    assert 29.95 < reported.max() < 30.0


def test_rays_and_triangles_stay_together() -> None:
    returns = answer(Material.GLASS)
    assert 0 < len(returns.ray) < COUNT
    np.testing.assert_array_equal(returns.triangle, returns.ray * 2)
    assert len(returns.ray) == len(returns.distance_m) == len(returns.intensity)


@settings(max_examples=40)
@given(
    st.sampled_from(list(Material)), st.floats(1, 100), st.floats(0, 1), st.floats(0, 1),
    st.integers(0, 99),
)  # fmt: skip
def test_intensities_are_shares(material, distance, cosine, colour, seed) -> None:
    intensity = answer(material, distance, cosine, colour, seed=seed).intensity
    assert ((intensity >= 0) & (intensity <= 1)).all()


def test_intensity_depends_on_the_material() -> None:
    assert answer(Material.PLATE).intensity.max() == 1.0
    mean = {m: answer(m).intensity.mean() for m in Material}
    assert mean[Material.PLATE] > mean[Material.MARKING] > mean[Material.ROAD] > 0.2
    assert mean[Material.RUBBER] < 0.1


def test_paint_mirrors_slanted_pulses_away_and_dark_paint_more() -> None:
    straight, slanted = (answer(Material.PAINT, cosine=c, colour=0.8) for c in (1.0, 0.3))
    assert straight.intensity.mean() > 3 * slanted.intensity.mean()
    assert len(straight.ray) > len(slanted.ray)
    dark = answer(Material.PAINT, cosine=0.3, colour=0.1)
    assert len(dark.ray) < len(slanted.ray)
    assert dark.intensity.mean() < slanted.intensity.mean()


def test_bright_cloth_is_brighter() -> None:
    dark, bright = (answer(Material.CLOTH, colour=c).intensity.mean() for c in (0.0, 1.0))
    assert bright - dark > 0.4


def test_far_surfaces_are_fainter_and_get_lost() -> None:
    near, far, farthest = (answer(Material.ROAD, d, 0.2) for d in (10.0, 60.0, 99.0))
    assert near.intensity.mean() > far.intensity.mean()
    assert len(near.ray) > len(far.ray) > len(farthest.ray)


def test_slanted_road_is_lost_earlier_than_one_seen_head_on() -> None:
    assert len(answer(Material.ROAD, 90.0, 0.02).ray) < 0.7 * len(answer(Material.ROAD, 90.0).ray)


def test_glass_answers_rarely_and_sometimes_from_behind_it() -> None:
    returns = answer(Material.GLASS)
    assert len(returns.ray) / COUNT == pytest.approx(0.36 * 0.996, abs=0.015)
    behind = returns.distance_m > 10.1
    assert behind.mean() == pytest.approx(0.16 / 0.36, abs=0.02)
    assert returns.distance_m.max() < 10.8 + 0.1


def test_grass_answers_before_the_ground_under_it() -> None:
    shortened = 10 - answer(Material.GRASS, cosine=0.5).distance_m
    assert shortened.mean() == pytest.approx(0.025 / 0.5, rel=0.1)
    assert shortened.max() < 1.5 + 0.1


def test_leaves_answer_from_scattered_depths() -> None:
    deeper = answer(Material.LEAF).distance_m - 10
    assert deeper.mean() == pytest.approx(0.13, rel=0.1)
    assert deeper.std() > 0.1
    assert 0.5 < deeper.max() < 0.6 + 0.1


def test_a_look_dims_beams_and_surfaces() -> None:
    hits = Hits(np.arange(COUNT), np.full(COUNT, 10.0), np.arange(COUNT), np.ones(COUNT))
    two = spinning([0.0, 10.0], 1)
    gain, surface = np.ones(256), np.zeros(len(Material))
    gain[1] = 0.5
    surface[Material.ROAD] = 0.1
    means = []
    for look in (Look(), Look(gain, surface)):
        kinds = np.full(COUNT, Material.ROAD, dtype=np.int64)
        rng = np.random.default_rng(0)
        back = receive(hits, kinds, np.full(COUNT, 0.5), hits.ray % 2, two, rng, look)
        means.append([back.intensity[back.ray % 2 == beam].mean() for beam in (0, 1)])
    plain, dimmed = means
    assert dimmed[0] - plain[0] == pytest.approx(0.12, abs=0.02)
    assert dimmed[1] == pytest.approx(dimmed[0] / 2, rel=0.05)


def test_looks_differ_and_stay_near_the_plain_one() -> None:
    one, two = (draw_look(np.random.default_rng(seed)) for seed in (1, 2))
    assert (one.beam_gain != two.beam_gain).any() and (one.surface != two.surface).any()
    assert one.beam_gain.min() > 0.5 and one.beam_gain.max() < 1.5
    assert np.abs(one.surface).max() < 0.25


def test_no_hits_give_no_returns_and_equal_seeds_equal_ones() -> None:
    none = np.zeros(0, np.int64)
    empty = Hits(none, np.zeros(0), none, np.zeros(0))
    returns = receive(empty, none, np.zeros(0), none, SENSOR, np.random.default_rng(0))
    assert [len(values) for values in returns] == [0, 0, 0, 0]
    first, second = answer(Material.LEAF, seed=3), answer(Material.LEAF, seed=3)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
