"""Mountings, and data sets of several sensors."""

from collections import Counter

import numpy as np
import pytest
from small_sensor import small_rig

from training.simulate.frames import simulate_frame, write_frames
from training.simulate.lidar.rig import Rig
from training.simulate.mixture import Part, load_mixture, pick
from training.simulate.mounting import Mounting

TEXT = """parts:
  - {sensor: hdl64e, share: 3}
  - {sensor: vlp16, share: 1, height_m: [0.5, 2.2], pitch_deg: [-2, 4], rate_hz: 20.0,
     intensity_scale: [0.5, 2.0]}
"""


@pytest.fixture(scope="module")
def sparse() -> Rig:
    """A sensor of a tenth of the coarse one's rays."""
    return small_rig(np.linspace(-20.0, 4.0, 8).tolist(), 90)


def test_a_mounting_draws_what_a_seed_says_within_its_ends() -> None:
    mounting = Mounting(height_m=(0.4, 3.0), pitch_deg=(-2, 4), intensity_scale=(0.5, 2.0))
    drawn = [mounting.draw(seed) for seed in range(200)]
    heights, pitches, scales = (
        np.array([getattr(one, key) for one in drawn])
        for key in ("height_m", "pitch_deg", "intensity_scale")
    )
    for values, low, high in ((heights, 0.4, 3.0), (pitches, -2, 4), (scales, 0.5, 2.0)):
        assert low <= values.min() < low + 0.1 * (high - low)
        assert high >= values.max() > high - 0.1 * (high - low)
    assert drawn[5] == mounting.draw(5)
    assert {one.roll_deg for one in drawn} == {0.0}
    assert Mounting().draw(3).height_m is None


def test_ends_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match="height_m: expected the lower end first, got 2, 1"):
        Mounting(height_m=(2.0, 1.0))


def test_a_mixture_picks_by_shares_and_the_same_for_the_same_seed(tmp_path) -> None:
    path = tmp_path / "mixture.yaml"
    path.write_text(TEXT)
    parts = load_mixture(path)
    assert [part.rig.title for part in parts][1] == "Velodyne VLP-16"
    assert parts[1].rig.rate_hz == 20.0 and parts[1].mounting.height_m == (0.5, 2.2)
    counts = Counter(pick(parts, seed).rig.title for seed in range(1_000))
    assert counts["Velodyne VLP-16"] / 1_000 == pytest.approx(0.25, abs=0.05)
    assert pick(parts, 77) is pick(parts, 77)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("parts: []\n", "parts: Tuple should have at least 1 item"),
        (
            "parts: [{sensor: vlp17, share: 1}]\n",
            "parts.0.sensor: unknown sensor 'vlp17': did you",
        ),
        ("parts: [{sensor: vlp16, share: 0}]\n", "parts.0.share: Input should be greater than 0"),
        ("parts: [{sensor: vlp16, share: 1, height_m: 1.8}]\n", "parts.0.height_m: "),
        ("parts: [{sensor: vlp16, share: 1, pitch_deg: [0, 50]}]\n", "less than or equal to 30"),
    ],
)
def test_bad_mixtures_are_refused_by_place(tmp_path, text, message) -> None:
    path = tmp_path / "mixture.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"mixture\.yaml: parts") as error:
        load_mixture(path)
    assert message in str(error.value)


def test_frames_of_a_mixture_are_those_of_their_parts(tmp_path, sparse, coarse) -> None:
    parts = [
        Part(coarse, Mounting(height_m=(0.5, 0.5)), 1.0),
        Part(sparse, Mounting(height_m=(2.5, 3.0), pitch_deg=(3, 3)), 2.0),
    ]
    write_frames(tmp_path / "out", 4, 3, parts)
    seen = set()
    for number in range(4):
        seed = 3_000_000 + number
        part = pick(parts, seed)
        seen.add(part.share)
        expected = simulate_frame(seed, part.rig, part.mounting)
        with np.load(tmp_path / "out" / f"{number:06d}.npz") as file:
            np.testing.assert_array_equal(file["points"], expected.points)
    assert seen == {1.0, 2.0}


@pytest.mark.parametrize("height", [0.4, 0.8, 3.0])
def test_streets_are_sound_from_low_robots_and_from_lorries(coarse, height) -> None:
    """The road lies where it should, boxes stand on it, and nothing stands about the sensor."""
    boxes = []
    for seed in range(5):
        frame = simulate_frame(seed, coarse, Mounting(height_m=(height, height)))
        xyz = frame.points[:, :3].astype(float)
        flat = np.hypot(xyz[:, 0], xyz[:, 1])
        assert flat.min() > 0.9
        near = (flat > 2) & (flat < 10)
        if near.sum() > 20:
            assert np.percentile(xyz[near, 2], 20) == pytest.approx(-height, abs=0.35)
        boxes.append(frame.boxes[np.hypot(frame.boxes[:, 0], frame.boxes[:, 1]) < 25])
    undersides = np.concatenate([each[:, 2] - each[:, 5] / 2 for each in boxes])
    assert len(undersides) > 15
    assert np.median(undersides) == pytest.approx(-height, abs=0.2)


def test_the_streets_of_a_seed_do_not_depend_on_the_mounting(coarse) -> None:
    low = simulate_frame(4, coarse, Mounting(height_m=(1.0, 1.0)))
    high = simulate_frame(4, coarse, Mounting(height_m=(2.0, 2.0)))
    both = set(low.track_id.tolist()) & set(high.track_id.tolist())
    assert len(both) > 3
    for track in both:
        one, two = (each.boxes[each.track_id == track][0] for each in (low, high))
        np.testing.assert_allclose(one[[0, 1, 3, 4, 5, 6]], two[[0, 1, 3, 4, 5, 6]], atol=1e-4)
        assert one[2] - two[2] == pytest.approx(1.0, abs=1e-4)


def test_a_factor_scales_intensities_and_nothing_else(coarse) -> None:
    plain = simulate_frame(4, coarse)
    dim = simulate_frame(4, coarse, Mounting(intensity_scale=(0.5, 0.5)))
    np.testing.assert_array_equal(plain.points[:, :3], dim.points[:, :3])
    faint = plain.points[:, 3] < 0.99
    np.testing.assert_allclose(dim.points[faint, 3], plain.points[faint, 3] / 2, atol=0.011)
