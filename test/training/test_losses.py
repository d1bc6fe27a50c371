import math

import pytest
import torch

from pd_ros.detection.types import ModelOutput
from training.config import DistillConfig, LossConfig
from training.distill import distill_loss, masked_squared_error
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


def test_masked_error_by_hand() -> None:
    student = torch.tensor([[[[0.5, 0.2]], [[0.1, 0.9]]]])
    teacher = torch.tensor([[[[0.7, 0.2]], [[0.1, 0.5]]]])
    mask = torch.tensor([[[1.0, 0.5]]])
    expected = (1.0 * 0.04 + 0.5 * 0.16) / (1.5 + 1e-6)
    assert masked_squared_error(student, teacher, mask).item() == pytest.approx(expected)


def test_distillation_of_equal_outputs_is_zero_and_the_teacher_gets_no_gradient() -> None:
    heatmap = torch.randn(1, 1, 2, 2, requires_grad=True)
    box = torch.randn(1, 8, 2, 2, requires_grad=True)
    teacher_heatmap = heatmap.detach().clone().requires_grad_()
    teacher = output(teacher_heatmap, box.detach().clone().requires_grad_())
    loss = distill_loss(output(heatmap, box), teacher, one_object())
    assert (loss.heatmap.item(), loss.box.item()) == (0, 0)
    other = distill_loss(output(heatmap + 1, box + 1), teacher, one_object())
    other.total(DistillConfig(teacher="x")).backward()
    assert heatmap.grad is not None and heatmap.grad.abs().sum() > 0
    assert teacher_heatmap.grad is None and teacher.box.grad is None


def test_mask_is_confidence_times_gaussian() -> None:
    """Only the object's own cell counts: an error elsewhere costs nothing (SparseKD 1.3)."""
    student, teacher = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    student[0, 0, 1, 1] = 3.0
    box = torch.zeros(1, 8, 2, 2)
    loss = distill_loss(output(student, box), output(teacher, box), one_object())
    assert loss.heatmap.item() == 0
    student[0, 0, 0, 1] = 1.0
    loss = distill_loss(output(student, box), output(teacher, box), one_object())
    gap = 1 / (1 + math.exp(-1)) - 0.5
    assert loss.heatmap.item() == pytest.approx(0.5 * gap**2 / (0.5 + 1e-6), rel=1e-4)


def test_other_resolutions_are_resized_and_boxes_not_compared() -> None:
    student = output(torch.zeros(1, 1, 2, 2), torch.ones(1, 8, 2, 2))
    teacher = output(torch.zeros(1, 1, 4, 4), torch.zeros(1, 8, 4, 4))
    loss = distill_loss(student, teacher, one_object(4))
    assert (loss.heatmap.item(), loss.box.item()) == (0, 0)
