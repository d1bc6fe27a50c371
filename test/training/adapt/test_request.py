"""What an adaptation keeps of what was asked for, and how it spends its time."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.adapt.request import Places, Request, frames_within, keep_request, steps_within


def request(**changes: object) -> Request:
    asked = {
        "sensor": "vlp16", "sensor_content": "beams", "height_m": 0.8, "pitch_deg": 0,
        "roll_deg": 0, "base": "a", "teacher": "b", "classes": ["car"], "recordings": [],
        "minutes": 60, "seed": 1,
    }  # fmt: skip
    return Request.model_validate(asked | changes)


def test_the_ground_is_brought_to_where_the_networks_know_it() -> None:
    assert request().z_shift_m == pytest.approx(0.8 - 1.73)


def test_the_same_request_goes_on_and_another_is_refused(tmp_path) -> None:
    places = Places(tmp_path / "mine.safetensors")
    keep_request(places, request())
    keep_request(places, request())
    with pytest.raises(ValueError, match=r"other options \(height_m 0.8 there, 1.2 now\)"):
        keep_request(places, request(height_m=1.2))
    with pytest.raises(ValueError, match="another content of the sensor's file"):
        keep_request(places, request(sensor_content="other beams"))


@pytest.mark.parametrize(("key", "value"), [("height_m", 0), ("pitch_deg", 45), ("minutes", 0)])
def test_what_no_vehicle_has_is_refused(key, value) -> None:
    with pytest.raises(ValueError, match=key):
        request(**{key: value})


@given(st.floats(0.1, 1e4), st.floats(1e-3, 100), st.integers(1, 64))
def test_more_time_never_gives_less(minutes, seconds, workers) -> None:
    frames, held_back = frames_within(minutes, seconds, workers)
    more, more_held_back = frames_within(2 * minutes, seconds, workers)
    assert 20 <= frames <= more and 0 < held_back <= more_held_back
    assert 100 <= steps_within(minutes, seconds) <= steps_within(2 * minutes, seconds) <= 20_000


def test_an_hour_on_two_cores() -> None:
    """A scene of 1.5 s, seen twice, and a step of 0.3 s: 30 % and 55 % of the hour."""
    frames, held_back = frames_within(60, 1.5, 2)
    assert frames + 2 * held_back == pytest.approx(0.3 * 3600 * 2 / 1.5, abs=1)
    assert steps_within(60, 0.3) == 6600


def test_everything_lies_beside_the_student() -> None:
    places = Places(Path("out/mine.safetensors"))
    assert places.folder == Path("out/mine")
    assert places.frames("val") == Path("out/mine/sim/val")
