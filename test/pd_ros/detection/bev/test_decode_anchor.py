"""Anchor maps to boxes: every one of them is written by hand."""

import torch
from small_model import small_anchor_config, small_pyramid_config

from pd_ros.detection.bev.anchors import level_anchors
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
