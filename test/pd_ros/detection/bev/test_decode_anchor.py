"""Anchor maps to boxes: every one of them is written by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_model import small_anchor_config, small_pyramid_config

from pd_ros.detection.bev.anchors import level_anchors
from pd_ros.detection.bev.decode_center import count_not_finite, usable
from pd_ros.detection.bev.peaks import make_peaks
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.families import make_decoder
from pd_ros.detection.types import HeadMaps, ModelOutput

CPU = torch.device("cpu")
DECODE = {"score_threshold": 0.2, "nms_iou_threshold": 0.2, "nms_per_class": True}


def quiet_maps(config: ModelConfig) -> list[HeadMaps]:
    """Maps of all levels of a head of 4 anchors and 2 classes that sees nothing."""
    values = config.head.box_values
    return [
        HeadMaps(
            torch.full((1, 8, *level.shape[:2]), -10.0),
            torch.zeros(1, 4 * values, *level.shape[:2]),
            torch.tensor([0.0, 1.0]).repeat(4).view(1, 8, 1, 1).expand(-1, -1, *level.shape[:2]),
        )
        for level in level_anchors(config)
    ]


def decoded(config: ModelConfig, levels: list[HeadMaps]):
    nothing, cells = torch.zeros(0), torch.zeros(1, 3, dtype=torch.int64)
    maps = levels[0]._replace(coarser=tuple(levels[1:]))
    (found,) = make_decoder(config, CPU)(ModelOutput(nothing, cells, (), nothing, *maps))
    return found


def test_anchors_of_every_level_become_boxes_with_their_velocity() -> None:
    config = small_pyramid_config(decode=DECODE)
    levels = quiet_maps(config)
    levels[0].heatmap[0, 2 * 2 + 1, 3, 5] = 2.0  # the third anchor says the second class
    levels[1].heatmap[0, 0, 6, 2] = 1.0
    levels[0].box[0, 2 * 9 + 7, 3, 5] = -4.0
    levels[1].box[0, 8, 6, 2] = 1.5
    found = decoded(config, levels)
    fine, coarse = level_anchors(config)
    torch.testing.assert_close(found.boxes, torch.stack((fine[3, 5, 2], coarse[6, 2, 0])))
    assert found.labels.tolist() == [1, 0]
    assert found.velocities.tolist() == [[-4.0, 0.0], [0.0, 1.5]]
    # Of the two directions' logits, one is 1 and one is 0.
    torch.testing.assert_close(found.facing, torch.tensor(1.0).sigmoid().expand(2))


def test_classes_may_share_a_place_only_where_each_has_its_own_suppression() -> None:
    """One anchor says both classes, its neighbour the first one less surely."""
    for per_class, expected in ((True, [1, 0]), (False, [1])):
        config = small_pyramid_config(decode={**DECODE, "nms_per_class": per_class})
        levels = quiet_maps(config)
        levels[0].heatmap[0, :2, 8, 8] = torch.tensor([1.0, 2.0])
        levels[0].heatmap[0, 0, 8, 9] = 0.5
        found = decoded(config, levels)
        assert found.labels.tolist() == expected
        place = level_anchors(config)[0][8, 8, 0]
        torch.testing.assert_close(found.boxes, place.expand(len(expected), 7))


def test_the_best_of_each_level_are_candidates() -> None:
    config = small_pyramid_config(decode={**DECODE, "max_candidates": 1})
    levels = quiet_maps(config)
    levels[0].heatmap[0, 0, 1, [1, 6, 12]] = torch.tensor([1.0, 3.0, 2.0])
    levels[1].heatmap[0, 0, 6, 6] = 0.0
    found = decoded(config, levels)
    assert found.boxes[:, :2].tolist() == [[-1.5, -6.5], [5.0, 5.0]]


def test_a_head_without_velocity_tells_none() -> None:
    config = small_anchor_config()
    levels = quiet_maps(config)
    levels[0].heatmap[0, 0, 2, 3] = 1.0
    found = decoded(config, levels)
    assert found.velocities is None and found.cpu().select(torch.tensor([0])).velocities is None
    torch.testing.assert_close(found.boxes[0], level_anchors(config)[0][2, 3, 0])


def peaks_of(make_config, levels: list[HeadMaps], threshold: float, most: int):
    """Candidates at a threshold, and the settings."""
    per_class = make_config is small_pyramid_config
    decode = {
        "score_threshold": threshold, "max_candidates": most, "nms_per_class": per_class,
    }  # fmt: skip
    config = make_config(decode=decode)
    return make_peaks(config, CPU)(levels[0]._replace(coarser=tuple(levels[1:])))[0], config.decode


@pytest.mark.parametrize("make_config", [small_anchor_config, small_pyramid_config])
@given(
    seed=st.integers(0, 1000),
    threshold=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
    most=st.sampled_from([1, 7, 5000]),
)
def test_what_is_left_out_at_once_is_below_the_threshold(
    make_config, seed, threshold, most
) -> None:
    generator = torch.Generator().manual_seed(seed)
    levels = quiet_maps(make_config())
    places = torch.randperm(sum(level.heatmap.numel() for level in levels), generator=generator)
    logits = 8 * places / len(places) - 4  # no two are equal
    for level in levels:
        level.heatmap.copy_(logits[: level.heatmap.numel()].view_as(level.heatmap))
        level.box.normal_(generator=generator)
        logits = logits[level.heatmap.numel() :]
    everything, _ = peaks_of(make_config, levels, 0.0, most)
    found, settings = peaks_of(make_config, levels, threshold, most)
    one, other = usable(everything, settings), usable(found, settings)
    assert len(found.scores) <= len(everything.scores)
    assert len(one.scores) > 0 or threshold >= 0.9
    torch.testing.assert_close(other, one)  # not equal: torch's sigmoid rounds by place


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_scores_that_are_not_finite_are_counted_and_give_no_boxes(value) -> None:
    levels = quiet_maps(small_anchor_config())
    levels[0].heatmap[0, 0, 2, 3] = value
    found, settings = peaks_of(small_anchor_config, levels, 0.3, 100)
    assert count_not_finite(found, settings) == 1
    assert len(usable(found, settings).scores) == 0
