"""Terms of hand-made outputs against numbers worked out by hand."""

import math

import pytest
import torch
from small_distill_batch import narrow_and_wide
from small_model import ANCHORS
from torch import nn

from training.config.compared import FineGrainedConfig, GidResponseConfig
from training.config.sparse import AnchorLogitConfig, LogitConfig, RegressionConfig
from training.distillation.feature.gid import GidResponse
from training.distillation.feature.imitation import FineGrained
from training.distillation.method import DistillBatch
from training.distillation.response.anchor_terms import AnchorLogit, AnchorRegression
from training.distillation.response.logit import Logit
from training.distillation.response.regression import Regression
from training.objectives.anchor_targets import BACKGROUND, NOT_COUNTED, AnchorTargets
from training.objectives.center_targets import Targets

EMPTY = torch.zeros(2, 8, 16, 16)


def outputs(student, teacher, targets=None) -> DistillBatch:
    """Two scenes of 16 x 16 cells; ``student`` and ``teacher`` are fields of their outputs."""
    room = narrow_and_wide()
    said = room.outputs()
    batch = room.batch if targets is None else room.batch._replace(teacher_targets=targets)
    return DistillBatch(said.student._replace(**student), said.teacher._replace(**teacher), batch)


def peak(row: int, column: int) -> Targets:
    """One object in the first scene."""
    heatmap = torch.zeros(2, 2, 16, 16)
    heatmap[0, 0, row, column] = 1.0
    cell = torch.tensor([row * 16 + column])
    return Targets(heatmap, heatmap.amax(1) > -1, torch.tensor([0]), cell, torch.zeros(1, 8),
                   torch.zeros(1, 2), torch.ones(1))  # fmt: skip


def test_logit_counts_where_teacher_and_truth_agree() -> None:
    """An error elsewhere costs nothing (SparseKD 1.3)."""
    student, teacher = torch.full((2, 2, 16, 16), -20.0), torch.full((2, 2, 16, 16), -20.0)
    teacher[0, 0, 3, 4] = 0.0
    student[0, 0, 9, 9] = 3.0
    student[0, 0, 3, 4] = 1.0
    term = Logit(LogitConfig())
    loss = term(outputs({"heatmap": student}, {"heatmap": teacher}, peak(3, 4)))
    gap = 1 / (1 + math.exp(-1)) - 0.5
    assert loss.item() == pytest.approx(0.5 * gap**2 / 0.5, rel=1e-4)


def test_vanilla_is_the_mean_over_all_cells() -> None:
    student = torch.zeros(2, 2, 16, 16)
    teacher = torch.full_like(student, math.log(3))  # 0.75 against 0.5, in two classes
    term = Logit(LogitConfig(gaussian="none", gated=False))
    loss = term(outputs({"heatmap": student}, {"heatmap": teacher}, peak(3, 4)))
    assert loss.item() == pytest.approx(2 * 0.25**2, rel=1e-4)


def test_regression_at_the_objects_cell() -> None:
    student = EMPTY.clone()
    student[0, :, 3, 4] = torch.arange(8.0)
    student[1] = 99
    both = outputs({"box": student}, {"box": EMPTY}, peak(3, 4))
    assert Regression(RegressionConfig())(both).item() == pytest.approx(28)
    weights = (0, 0, 0, 0, 0, 0, 0, 2)
    assert Regression(RegressionConfig(code_weights=weights))(both).item() == pytest.approx(14)


@pytest.mark.parametrize(("cells", "loss"), [("centres", 8.0), ("learnt", (8 + 0.5 * 80) / 1.5)])
def test_regression_around_the_objects_cell(cells, loss) -> None:
    """The neighbour of half the weight is wrong by 10; the paper's centres do not ask it."""
    student = EMPTY.clone()
    student[0, :, 3, 4], student[0, :, 3, 5] = 1.0, 10.0
    near = peak(3, 4)
    near = near._replace(
        sample=torch.zeros(2, dtype=torch.int64),
        cell=torch.tensor([52, 53]),
        box=near.box.repeat(2, 1),
        weight=torch.tensor([1.0, 0.5]),
    )
    both = outputs({"box": student}, {"box": EMPTY}, near)
    assert Regression(RegressionConfig(cells=cells))(both).item() == pytest.approx(loss)


def anchor_targets() -> AnchorTargets:
    """Scene 0: an anchor of cell 5 learns an object, one of cell 7 does not count."""
    label = torch.full((2, 16 * 16 * 4), BACKGROUND, dtype=torch.int8)
    label[0, 5 * 4 + 1], label[0, 7 * 4] = 0, NOT_COUNTED
    one = torch.tensor([5 * 4 + 1])
    return AnchorTargets(label, torch.tensor([0]), one, torch.zeros(1, 7), torch.zeros(1).long())


def anchor_maps(**changes) -> dict[str, torch.Tensor]:
    """What a head with four anchors of two classes in a cell says: 0, but for ``changes``."""
    channels = {"heatmap": 8, "box": 28, "direction": 8}
    return {name: torch.zeros(2, count, 16, 16) for name, count in channels.items()} | changes


@pytest.mark.parametrize(
    ("positions", "expected"),
    [("positive", 8 * 0.0625), ("positive_or_uncounted", 8 * 0.0625 / 2)],
)
def test_anchor_logit_by_hand(positions, expected) -> None:
    """All 8 probabilities of cell 5 are 0.25 too low; those of cell 7 are right."""
    student, teacher = torch.zeros(2, 8, 16, 16), torch.zeros(2, 8, 16, 16)
    teacher[0, :, 0, 5] = math.log(3)
    student[1] = 9
    room = narrow_and_wide(head=ANCHORS)
    term = AnchorLogit(AnchorLogitConfig(positions=positions), room.pair)
    maps = anchor_maps(heatmap=student), anchor_maps(heatmap=teacher)
    loss = term(outputs(*maps, anchor_targets()))
    assert loss.item() == pytest.approx(expected, rel=1e-4)


def test_anchor_regression_by_hand() -> None:
    """A length off by 0.5, beyond 1 / 9; a yaw off by half a turn costs nothing."""
    student, teacher = torch.zeros(2, 28, 16, 16), torch.zeros(2, 28, 16, 16)
    student[0, 7 + 3, 0, 5], student[0, 7 + 6, 0, 5] = 0.5, math.pi
    maps = anchor_maps(box=student), anchor_maps(box=teacher)
    loss = AnchorRegression()(outputs(*maps, anchor_targets()))
    assert loss.item() == pytest.approx((0.5 - 0.5 / 9) / 2, rel=1e-4)  # over two scenes


def test_fine_grained_by_hand() -> None:
    """Half of (1 + 4) in the one cell of the mask, whatever stands elsewhere."""
    room = narrow_and_wide()
    term = FineGrained(FineGrainedConfig(), room.pair)
    term.adapter = nn.Identity()
    student, teacher = torch.rand(2, 2, 16, 16), torch.rand(2, 2, 16, 16)
    student[0, :, 3, 4], teacher[0, :, 3, 4] = torch.tensor([1.0, 2.0]), 0
    loss = term(outputs({"neck": student}, {"neck": teacher}, peak(3, 4)))
    assert loss.item() == pytest.approx(2.5, rel=1e-5)


def test_gid_response_in_the_centre_of_one_instance() -> None:
    room = narrow_and_wide()
    student, teacher = torch.full((2, 2, 16, 16), -20.0), torch.full((2, 2, 16, 16), -20.0)
    teacher[0, 1, 6, 6] = 0.0
    box = EMPTY.clone()
    box[:, 0] = 0.25  # within the cell
    config = GidResponseConfig(instances=1, footprint="centre", box=2.0)
    both = outputs({"heatmap": student, "box": EMPTY}, {"heatmap": teacher, "box": box})
    term = GidResponse(config, room.pair)
    # The other scene's instance is anywhere: both networks agree but for the box.
    assert term(both).item() == pytest.approx(((0.5 - 1e-4) ** 2 + 2 * 0.25 * 2) / 2, rel=1e-3)
