import math

import pytest
import torch

from pd_ros.detection.types import ModelOutput
from training.config import LossConfig
from training.losses import box_error, detection_loss, focal_loss, gather_cells, weighted_mean
from training.targets import Targets


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
    return Targets(heatmap, counted, sample, cells, boxes, weight)


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
    loss = detection_loss(output(torch.zeros(1, 1, 2, 2), box), one_object(), LossConfig())
    assert loss.box.item() == pytest.approx(4.0)
    assert loss.total(LossConfig(heatmap=0, box=2)).item() == pytest.approx(8.0)


def test_cells_are_gathered_row_by_row() -> None:
    box_map = torch.arange(2 * 8 * 6.0).view(2, 8, 2, 3)
    picked = gather_cells(box_map, torch.tensor([1, 0]), torch.tensor([4, 0]))
    torch.testing.assert_close(picked, torch.stack((box_map[1, :, 1, 1], box_map[0, :, 0, 0])))
