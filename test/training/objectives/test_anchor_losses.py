import math

import pytest
import torch

from pd_ros.detection.types import HeadMaps, ModelOutput
from training.config.run import AnchorLossConfig
from training.objectives.anchor_losses import anchor_loss, box_error, focal_loss, velocity_error
from training.objectives.anchor_targets import BACKGROUND, NOT_COUNTED, AnchorTargets


def output(heatmap, box, direction):
    nothing = torch.zeros(0)
    return ModelOutput(nothing, nothing, (), nothing, heatmap, box, direction)


def targets(label, sample, anchor):
    count = len(anchor)
    return AnchorTargets(
        torch.tensor(label, dtype=torch.int8), torch.tensor(sample), torch.tensor(anchor),
        torch.zeros(count, 7), torch.zeros(count, dtype=torch.int64),
    )  # fmt: skip


def test_focal_loss_by_hand() -> None:
    logits = torch.tensor([0.0, 2.0])
    p = 1 / (1 + math.exp(-2.0))
    expected = torch.tensor([0.25 * 0.25 * math.log(2), -0.75 * p**2 * math.log(1 - p)])
    torch.testing.assert_close(focal_loss(logits, torch.tensor([1.0, 0.0])), expected)


def test_box_error_by_hand_and_blind_to_half_turns() -> None:
    """Smooth L1 with beta 1/9: quadratic below, linear above."""
    predicted = torch.zeros(3, 7)
    predicted[0, 0] = 1.0
    predicted[1, 1] = 0.05
    predicted[2, 6] = math.pi
    expected = torch.tensor([1 - 1 / 18, 0.5 * 0.05**2 * 9, 0.0])
    torch.testing.assert_close(box_error(predicted, torch.zeros(3, 7)), expected)


def test_terms_by_hand() -> None:
    """Two cells of one anchor and two classes: one matched, one that does not count."""
    heatmap = torch.zeros(1, 2, 1, 2)
    box = torch.zeros(1, 7, 1, 2)
    box[0, 0, 0, 1] = 1.0
    direction = torch.zeros(1, 2, 1, 2)
    loss = anchor_loss(output(heatmap, box, direction), targets([[NOT_COUNTED, 1]], [0], [1]))
    assert loss.classes.item() == pytest.approx((0.25 + 0.75) * 0.25 * math.log(2))
    assert loss.box.item() == pytest.approx(1 - 1 / 18)
    assert loss.direction.item() == pytest.approx(math.log(2))
    total = loss.total(AnchorLossConfig(classes=1, box=2, direction=0.5)).item()
    assert total == pytest.approx(loss.classes.item() + 2 * (1 - 1 / 18) + 0.5 * math.log(2))


def test_samples_weigh_the_same_whatever_they_hold() -> None:
    """A batch of a frame twice costs as much as the frame once; an empty one is background."""
    torch.manual_seed(0)
    maps = [torch.randn(1, channels, 2, 2) for channels in (4, 14, 4)]
    one = targets([[0, BACKGROUND, 1, BACKGROUND] * 2], [0, 0], [0, 2])
    two = targets([[0, BACKGROUND, 1, BACKGROUND] * 2] * 2, [0, 0, 1, 1], [0, 2, 0, 2])
    once = anchor_loss(output(*maps), one)
    twice = anchor_loss(output(*(m.repeat(2, 1, 1, 1) for m in maps)), two)
    torch.testing.assert_close(torch.stack(twice), torch.stack(once))
    none = torch.zeros(0, dtype=torch.int64)
    empty = AnchorTargets(torch.full((1, 8), BACKGROUND, dtype=torch.int8), none, none,
                          torch.zeros(0, 7), none)  # fmt: skip
    loss = anchor_loss(output(*maps), empty)
    assert loss.classes > 0 and (loss.box, loss.direction) == (0, 0)


def test_velocities_cost_by_hand_and_unknown_ones_nothing() -> None:
    nan = math.nan
    predicted = torch.tensor([[1.0, 0.05], [2.0, 3.0], [0.0, 1.0]], requires_grad=True)
    error = velocity_error(predicted, torch.tensor([[0.0, 0.0], [nan, nan], [nan, 0.0]]))
    expected = torch.tensor([1 - 1 / 18 + 0.5 * 0.05**2 * 9, 0.0, 1 - 1 / 18])
    torch.testing.assert_close(error, expected)
    error.sum().backward()
    torch.testing.assert_close(predicted.grad, torch.tensor([[1.0, 0.45], [0, 0], [0, 1]]))


def test_velocities_of_all_levels_are_a_term_of_their_own() -> None:
    """Two levels of one cell, one anchor, one class; the coarser one is matched."""
    level = HeadMaps(torch.zeros(1, 1, 1, 1), torch.zeros(1, 9, 1, 1), torch.zeros(1, 2, 1, 1))
    nothing = torch.zeros(0)
    levels = ModelOutput(nothing, nothing, (), nothing, *level._replace(coarser=(level,)))
    box = torch.tensor([[0.0] * 7 + [2.0, math.nan]])
    one = AnchorTargets(torch.tensor([[BACKGROUND, 0]]), torch.tensor([0]), torch.tensor([1]), box,
                        torch.tensor([1]))  # fmt: skip
    loss = anchor_loss(levels, one)
    assert loss.velocity.item() == pytest.approx(2 - 1 / 18)
    assert loss.box == 0
    assert loss.classes.item() == pytest.approx((0.25 + 0.75) * 0.25 * math.log(2))
    total = loss.total(AnchorLossConfig(classes=0, box=1, direction=0, velocity=0.5)).item()
    assert total == pytest.approx(1 - 1 / 36)
