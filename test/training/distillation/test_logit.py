import math

import pytest
import torch

from training.config.sparse import LogitConfig
from training.distillation.response.logit import (
    gaussian_mask,
    masked_mean,
    position_mask,
    rank_cross_entropy,
    soft_focal_loss,
    top_positions,
)

# One sample, two classes, three cells.
TEACHER = torch.tensor([[[[0.9, 0.3, 0.1]], [[0.2, 0.4, 0.05]]]])
GAUSSIAN = torch.tensor([[[[1.0, 0.5, 0.0]], [[0.0, 0.6, 0.0]]]])


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, [0.9, 0.4 * 0.6, 0]),
        ({"gaussian": "hard"}, [0.9, 0.4, 0]),
        ({"gaussian": "soft", "gated": False}, [1, 0.6, 0]),
        ({"gaussian": "none", "gated": False}, [1, 1, 1]),
        ({"gaussian": "none", "gated": False, "threshold": 0.4}, [1, 0, 0]),
        ({"gaussian": "none", "gated": False, "rank": 2}, [1, 1, 0]),
        ({"gaussian": "none", "rank": 1, "threshold": 0.1}, [0.9, 0, 0]),
    ],
)
def test_masks_of_positions_by_hand(config, expected) -> None:
    mask = position_mask(TEACHER, GAUSSIAN, LogitConfig(**config))
    torch.testing.assert_close(mask, torch.tensor([[expected]]).float())


def test_several_classes_of_a_cell_are_one_position() -> None:
    """The three best entries are class 0 of cell 0, class 1 of cell 1, class 0 of cell 1."""
    assert top_positions(TEACHER, 3).tolist() == [[[1, 1, 0]]]
    assert top_positions(TEACHER, 99).tolist() == [[[1, 1, 1]]]


def test_no_objects_leave_no_hard_mask() -> None:
    assert gaussian_mask(torch.zeros(1, 2, 1, 3), "hard").sum() == 0
    assert masked_mean(torch.ones(1, 1, 3), torch.zeros(1, 1, 3)).item() == 0


def test_masked_mean_by_hand_is_over_the_mask_and_not_the_classes() -> None:
    error, mask = torch.tensor([[[2.0, 4.0, 9.0]]]), torch.tensor([[[1.0, 0.5, 0.0]]])
    assert masked_mean(error, mask).item() == pytest.approx(4 / 1.5, rel=1e-5)


def test_focal_loss_against_soft_targets_by_hand() -> None:
    learnt, target = torch.tensor([[[[0.8, 0.1]]]]), torch.tensor([[[[0.7, 0.4]]]])
    expected = -(math.log(0.8) * 0.2**2 + math.log(0.9) * 0.1**2 * 0.6**4)
    mask = torch.ones(1, 1, 2)
    loss = soft_focal_loss(learnt, target, mask, 0.5)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    mask[0, 0, 0] = 0
    loss = soft_focal_loss(learnt, target, mask, 0.5)
    assert loss.item() == pytest.approx(-math.log(0.9) * 0.1**2 * 0.6**4, rel=1e-5)


def test_rank_cross_entropy_by_hand() -> None:
    """The two best are the first and the last; the student's scores there are 1 : 3."""
    teacher, student = torch.tensor([[0.6, 0.1, 0.2]]), torch.tensor([[0.1, 0.9, 0.3]])
    expected = -(0.75 * math.log(0.25) + 0.25 * math.log(0.75)) / 2
    assert rank_cross_entropy(student, teacher, 2).item() == pytest.approx(expected, rel=1e-5)
