"""Boxes above a threshold, worked out alone, are those that stay of all."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_model import small_config, small_directed_config

from pd_ros.detection.bev.decode_center import at_least, count_not_finite, peaks, usable
from pd_ros.detection.bev.peaks_above import peaks_above
from pd_ros.detection.types import HeadMaps

PLAIN, DIRECTED = small_config(), small_directed_config()


def random_maps(seed, config, spread=3.0):
    generator = torch.Generator().manual_seed(seed)

    def draw(channels):
        return spread * torch.randn(1, channels, 16, 16, generator=generator)

    if config is PLAIN:
        return HeadMaps(draw(2), draw(8) / 3)
    return HeadMaps(draw(2), draw(8) / 3, draw(2), draw(1))


def same(found, expected):
    """The same boxes by falling score; those of equal scores may have changed places."""
    assert (found.scores.diff() <= 0).all()
    by_place = [each.select(each.boxes[:, 0].argsort(stable=True)) for each in (found, expected)]
    for one, other in zip(*by_place, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("config", [PLAIN, DIRECTED], ids=["class", "quality"])
@given(st.integers(0, 10_000), st.sampled_from([0.0, 1e-30, 0.1, 0.5, 0.9, 0.999999, 1.0]))
def test_they_are_those_of_all_that_are_above(config, seed, threshold) -> None:
    maps, settings = random_maps(seed, config), at_least(config.decode, threshold)
    expected = usable(peaks(maps, config)[0], settings)
    same(usable(peaks_above(maps, config, settings.score_threshold), settings), expected)


def test_few_are_worked_out_and_never_more_than_wanted() -> None:
    maps = random_maps(0, DIRECTED)
    above = usable(peaks(maps, DIRECTED)[0], at_least(DIRECTED.decode, 0.8))
    assert 0 < len(above.scores) < 100
    assert len(peaks_above(maps, DIRECTED, 0.8).scores) <= 1.5 * len(above.scores)
    assert len(peaks_above(maps, DIRECTED, 0.0).scores) == min(DIRECTED.decode.max_candidates, 512)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("field", ["heatmap", "quality"])
def test_maps_that_are_not_finite_are_counted_as_before(field, value) -> None:
    maps, settings = random_maps(0, DIRECTED), at_least(DIRECTED.decode, 0.5)
    getattr(maps, field)[0, 0, 3, 5] = value
    expected = peaks(maps, DIRECTED)[0]
    found = peaks_above(maps, DIRECTED, 0.5)
    assert count_not_finite(found, settings) == count_not_finite(expected, settings) > 0
    same(usable(found, settings), usable(expected, settings))


def test_a_box_that_is_not_finite_is_counted() -> None:
    maps, settings = random_maps(0, DIRECTED), at_least(DIRECTED.decode, 0.5)
    best = int(peaks(maps, DIRECTED)[0].scores.argmax())
    assert best == 0
    maps.box[0, 2] = float("nan")
    assert count_not_finite(peaks_above(maps, DIRECTED, 0.5), settings) > 0
    assert not len(usable(peaks_above(maps, DIRECTED, 0.5), settings).scores)
