import math

import pytest
import torch
from small_model import small_config, small_directed_config

from pd_ros.detection.bev.decode_center import rows_at
from pd_ros.detection.types import ModelOutput
from training.config.run import LossConfig
from training.objectives.center_loss import (
    box_error,
    detection_loss,
    direction_error,
    focal_loss,
    overlap,
    weighted_mean,
)
from training.objectives.center_targets import Targets


def test_box_error_by_hand() -> None:
    """Looking back by error costs all of the heading's share and nothing of the rest."""
    target = torch.tensor([[0.0, 0, 0, 0, 0, 0, 1, 0]] * 3)
    predicted = target.clone()
    predicted[0, 0] = 0.5
    predicted[1, 6] = -1
    predicted[2, 6:] = torch.tensor([0.0, 1.0])
    expected = {1.0: [0.5, 2.0, 2.0], 0.25: [0.5, 0.5, 2.0], 0.0: [0.5, 0.0, 2.0]}
    for heading, values in expected.items():
        error = box_error(predicted, target, LossConfig(heading=heading))
        torch.testing.assert_close(error, torch.tensor(values))


def test_code_weights_scale_each_value_of_the_box() -> None:
    weights = (1, 2, 3, 4, 5, 6, 7, 8)
    error = box_error(torch.eye(8), torch.zeros(8, 8), LossConfig(code_weights=weights))
    torch.testing.assert_close(error, torch.tensor(weights).float())


def test_the_box_loss_is_a_weighted_mean_over_cells() -> None:
    assert weighted_mean(torch.tensor([1.0, 4.0]), torch.tensor([1.0, 0.5])).item() == 2.0
    assert weighted_mean(torch.zeros(0), torch.zeros(0)).item() == 0.0


def output(heatmap, box):
    nothing = torch.zeros(0)
    return ModelOutput(nothing, nothing, (), nothing, heatmap, box)


def targets(heatmap, cells, boxes):
    counted = torch.ones(heatmap[:, 0].shape, dtype=torch.bool)
    sample, weight = torch.zeros(len(cells), dtype=torch.int64), torch.ones(len(cells))
    facing = torch.tensor([[1.0, 0.0]] * len(cells))
    return Targets(heatmap, counted, sample, cells, boxes, facing, weight)


def one_object(size=2):
    heatmap = torch.zeros(1, 1, size, size)
    heatmap[0, 0, 0, 1] = 1.0
    return targets(heatmap, torch.tensor([1]), torch.zeros(1, 8))


def test_focal_loss_by_hand() -> None:
    probability = torch.tensor([[[[0.8, 0.1]]]])
    target = torch.tensor([[[[1.0, 0.5]]]])
    counted = torch.ones(1, 1, 2, dtype=torch.bool)
    expected = -(math.log(0.8) * 0.2**2 + math.log(0.9) * 0.1**2 * 0.5**4)
    assert focal_loss(probability, target, counted).item() == pytest.approx(expected, rel=1e-5)
    counted[0, 0, 1] = False
    expected = -math.log(0.8) * 0.2**2
    assert focal_loss(probability, target, counted).item() == pytest.approx(expected, rel=1e-5)


def test_focal_loss_of_an_empty_scene_is_finite() -> None:
    zeros = torch.zeros(1, 1, 2, 2)
    loss = focal_loss(zeros + 0.1, zeros, torch.ones(1, 2, 2, dtype=torch.bool))
    assert loss.item() == pytest.approx(-4 * math.log(0.9) * 0.01, rel=1e-5)


def test_box_loss_is_the_l1_at_the_objects_cell() -> None:
    box = torch.full((1, 8, 2, 2), 7.0)
    box[0, :, 0, 1] = 0.5
    loss = detection_loss(
        output(torch.zeros(1, 1, 2, 2), box), one_object(), LossConfig(), small_config()
    )
    assert loss.box.item() == pytest.approx(4.0)
    assert loss.total(LossConfig(heatmap=0, box=2)).item() == pytest.approx(8.0)


def test_cells_are_gathered_row_by_row() -> None:
    box_map = torch.arange(2 * 8 * 6.0).view(2, 8, 2, 3)
    picked = rows_at(box_map, torch.tensor([1, 0]), torch.tensor([4, 0]))
    torch.testing.assert_close(picked, torch.stack((box_map[1, :, 1, 1], box_map[0, :, 0, 0])))


def test_direction_is_a_question_of_along_or_back() -> None:
    """The logit is the part of the direction along the object; beside it nothing counts."""
    logits = torch.tensor([[0.0, 0.0], [2.0, 7.0], [-2.0, 0.0]])
    error = direction_error(logits, torch.tensor([[1.0, 0.0]] * 3))
    expected = [math.log(2), math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))]
    torch.testing.assert_close(error, torch.tensor(expected))


def test_overlap_of_what_a_cell_means() -> None:
    """In metres: cells are 1 m; an axis says nothing of front and back."""
    true = torch.tensor([[0.5, 0.5, 0.0, math.log(4), math.log(2), 0.0, 1.0, 0.0]] * 3)
    said = true.clone()
    said[1, 0] += 2.0  # half of the length
    said[2, 6:] = torch.tensor([-1.0, 0.0])  # a quarter turn
    iou = overlap(said, true, small_directed_config())
    torch.testing.assert_close(iou, torch.tensor([1.0, 1 / 3, 4 / 12]))
    assert overlap(said[:0], true[:0], small_directed_config()).shape == (0,)


def test_a_head_that_tells_more_loses_more() -> None:
    """Each by its own weight; the quality's target is no way to make boxes better."""
    box = torch.zeros(1, 8, 2, 2, requires_grad=True)
    direction, quality = torch.zeros(1, 2, 2, 2), torch.zeros(1, 1, 2, 2)
    said = output(torch.zeros(1, 1, 2, 2), box)._replace(direction=direction, quality=quality)
    weights = LossConfig(heatmap=0, box=0, direction=2, quality=3)
    loss = detection_loss(said, one_object(), weights, small_directed_config())
    assert list(loss.named) == ["heatmap", "box", "direction", "quality"]
    # The target's cos and sin are 0, which is yaw 0, as is what is said.
    assert loss.total(weights).item() == pytest.approx(5 * math.log(2))
    (gradient,) = torch.autograd.grad(loss.quality + loss.box * 0, box)
    assert gradient.abs().sum() == 0
