import math

import pytest
import torch
from small_distill_batch import narrow_and_wide
from small_model import small_config

from training.distillation.decoding import BoxSource
from training.distillation.feature.regions import affinity, cell_error
from training.distillation.maps import pool_boxes, relation_loss


def test_grids_of_a_box_hold_a_planes_values() -> None:
    """On a map of x + 10 y (m, at the cells' middles) every place of the grid reads its own."""
    config = small_config()
    middle = torch.arange(16) - 7.5
    plane = (middle[None] + 10 * middle[:, None])[None, None]
    box = torch.tensor([[1.0, -2.0, 0, 4.0, 2.0, 1.5, math.pi / 2]])
    pooled = pool_boxes(plane, [box], config, 2)
    # Turned left: length along +y, its left is -x. Columns go forward, rows to the left.
    x, y = torch.tensor([1.5, 0.5]), torch.tensor([-3.0, -1.0])
    torch.testing.assert_close(pooled[0, 0], x[:, None] + 10 * y[None], atol=1e-4, rtol=0)


def test_grids_do_not_depend_on_the_resolution() -> None:
    coarse, fine = small_config(), small_config(
        grid={**small_config().grid.model_dump(), "pillar_size_m": [0.5, 0.5]}
    )  # fmt: skip
    maps = [
        (torch.arange(n) + 0.5)[None, None, None].repeat(1, 1, n, 1) * 16 / n for n in (16, 32)
    ]
    boxes = [torch.tensor([[2.0, 1.0, 0, 3.0, 1.5, 1.0, 0.7], [-3, 3, 0, 2, 2, 2, -2.0]])]
    first, second = pool_boxes(maps[0], boxes, coarse, 7), pool_boxes(maps[1], boxes, fine, 7)
    torch.testing.assert_close(first, second, atol=1e-4, rtol=0)


def test_boxes_stay_with_their_sample_and_none_give_none() -> None:
    maps = torch.stack((torch.zeros(1, 16, 16), torch.ones(1, 16, 16)))
    box = torch.tensor([[0.0, 0, 0, 2, 2, 2, 0]])
    assert pool_boxes(maps, [box[:0], box], small_config(), 3).unique().tolist() == [1]
    assert pool_boxes(maps, [box[:0], box[:0]], small_config(), 3).shape == (0, 1, 3, 3)


def test_relation_by_hand() -> None:
    """Squared distances 1, 4, 1 of three boxes: mean 12/9; the teacher's are all alike."""
    student = torch.tensor([[0.0], [1.0], [2.0]])
    teacher = torch.eye(3)
    mine = torch.tensor([0, 1, 4, 1, 0, 1, 4, 1, 0.0]) * 9 / 12
    theirs = torch.tensor([0, 1, 1, 1, 0, 1, 1, 1, 0.0]) * 9 / 6
    expected = torch.nn.functional.smooth_l1_loss(mine, theirs)
    torch.testing.assert_close(relation_loss(student, teacher, [3]), expected)
    alone = torch.cat((student, torch.zeros(1, 1))), torch.cat((teacher, torch.zeros(1, 3)))
    torch.testing.assert_close(relation_loss(*alone, [3, 1]), expected)
    assert relation_loss(student[:1], teacher[:1], [1]).item() == 0


def test_affinity_of_a_box_is_the_cosine_of_its_cells() -> None:
    pooled = torch.tensor([[[[1.0, 2.0]], [[0.0, 2.0]]]])
    cosine = 1 / math.sqrt(2)
    torch.testing.assert_close(affinity(pooled), torch.tensor([[[1, cosine], [cosine, 1]]]))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [("mse", 0.5), ("smooth_l1", 0.25), ("cosine", 1.0), ("kl", 1.0)],
)
def test_errors_of_a_cell_by_hand(loss, expected) -> None:
    """Of channels (1, 0) and (1, 1); the last two of (1, 0) and (0, 1)."""
    student = torch.tensor([1.0, 0]).view(1, 2, 1, 1)
    teacher = torch.tensor([1.0, 1]).view(1, 2, 1, 1)
    if loss in ("cosine", "kl"):
        teacher = torch.tensor([0.0, 1]).view(1, 2, 1, 1)
    if loss == "kl":
        share = math.e / (1 + math.e)
        expected = share * 1 - (1 - share) * 1
    assert cell_error(student, teacher, loss).item() == pytest.approx(expected, abs=1e-6)


def test_boxes_come_from_the_truth_or_a_network() -> None:
    room = narrow_and_wide()
    outputs = room.outputs()
    assert [len(b) for b in BoxSource("truth", room.pair, 0.3)(outputs)] == [2, 2]
    heatmap = torch.full_like(outputs.student.heatmap, -9.0)
    heatmap[1, 0, 4, 5] = 2.0
    outputs.student.box.requires_grad_()
    found = BoxSource("student", room.pair, 0.3)(
        type(outputs)(outputs.student._replace(heatmap=heatmap), outputs.teacher, outputs.batch)
    )
    assert [len(each) for each in found] == [0, 1] and not found[1].requires_grad
    assert BoxSource("teacher", room.pair, 0.9999)(outputs)[0].shape == (0, 7)
