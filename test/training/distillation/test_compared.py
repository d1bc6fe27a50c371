"""The compared methods' values by hand."""

import math

import pytest
import torch
from small_distill_batch import narrow_and_wide
from small_model import small_anchor_config, small_config

from pd_ros.detection.bev.anchors import make_anchors, nearest_bev_iou
from pd_ros.detection.types import Detections
from training.config.compared import AssignmentConfig, ContrastConfig, HintonConfig
from training.distillation.feature.attention import NonLocal, attention_map, place_attention
from training.distillation.feature.contrast import Contrast, contrast_loss
from training.distillation.feature.gid import GeneralInstances, disagreement
from training.distillation.feature.imitation import anchor_mask
from training.distillation.feature.overhaul import expected_negative, partial_squared_error
from training.distillation.feature.similarity import similarity_loss
from training.distillation.labels.label_assignment import TeacherAssignment, best_cells
from training.distillation.method import DistillBatch
from training.distillation.response.consistency import consistency_loss, ramp
from training.distillation.response.logit import Hinton
from training.objectives.center_targets import encode_at


def test_hinton_sums_over_classes_and_averages_over_cells() -> None:
    outputs = narrow_and_wide().outputs()
    logits = [torch.logit(torch.tensor(p)).view(1, 2, 1, 2) for p in
              ([0.5, 0.2, 0.1, 0.9], [0.7, 0.2, 0.1, 0.5])]  # fmt: skip
    both = (outputs.student._replace(heatmap=each) for each in logits)
    loss = Hinton(HintonConfig())(DistillBatch(*both, outputs.batch))
    assert loss.item() == pytest.approx((0.04 + 0.16) / 2, rel=1e-4)


def test_attention_of_two_cells() -> None:
    maps = torch.tensor([[[[3.0, -1.0]], [[1.0, 1.0]]]])
    torch.testing.assert_close(attention_map(maps, 2.0), torch.tensor([[5, 1]]) / math.sqrt(26))


def test_similarity_of_two_scenes_by_hand() -> None:
    """Orthogonal scenes against equal ones; a single scene has no relation."""
    student, teacher = torch.eye(2), torch.ones(2, 2)
    half = 1 / math.sqrt(2)
    expected = (2 * (1 - half) ** 2 + 2 * half**2) / 4
    assert similarity_loss(student, teacher).item() == pytest.approx(expected)
    assert similarity_loss(student[:1], teacher[:1]).item() == 0


def test_contrast_by_hand() -> None:
    """One right partner of score 3, two wrong of 1 and 0.5, drawn from four: chance 0.5."""
    loss = contrast_loss(torch.tensor([3.0]), torch.tensor([[1.0, 0.5]]), 4)
    expected = -(math.log(3 / 3.5) + math.log(0.5 / 1.5) + math.log(0.5 / 1.0))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_memory_holds_the_newest_objects_and_its_norm_stays() -> None:
    room = narrow_and_wide()
    term = Contrast(ContrastConfig(width=4, memory=6), room.pair)
    start = term.student_memory.clone()
    term(room.outputs())
    norm = term.teacher_norm.clone()
    assert norm > 0 and int(term.next) == 4
    torch.testing.assert_close(term.student_memory[4:], start[4:])
    torch.testing.assert_close(term.student_memory.norm(dim=1), torch.ones(6))
    term(room.outputs())
    assert int(term.next) == 2
    torch.testing.assert_close(term.teacher_norm, norm)


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (0.7, 0.5), (-1.0, 2.0)])
def test_margin_is_the_mean_of_negative_responses(mean, deviation) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(400_000, generator=generator, dtype=torch.float64) * deviation + mean
    expected = values[values < 0].mean().item()
    found = expected_negative(torch.tensor([mean]), torch.tensor([deviation]))
    assert found.item() == pytest.approx(expected, abs=5e-3)


def test_margin_of_a_channel_that_is_never_negative() -> None:
    assert expected_negative(torch.tensor([9.0]), torch.tensor([1.0])).item() == -3


def test_partial_error_spares_what_is_low_enough_already() -> None:
    student = torch.tensor([-2.0, 0.5, 1.0, -0.1])
    target = torch.tensor([-1.0, -1.0, 3.0, -0.2])
    expected = 0 + 1.5**2 + 2**2 + 0.1**2
    assert partial_squared_error(student, target).item() == pytest.approx(expected)


def test_stages_before_their_relu() -> None:
    """The same maps bit for bit, in training and evaluation."""
    room = narrow_and_wide()
    for network, pillars in (
        (room.student, room.batch.student),
        (room.teacher, room.batch.teacher),
    ):
        network.train(False)
        plain = network(pillars)
        network.keeps_linear = True
        kept = network(pillars)
        assert plain.linear_stages == ()
        for stage, linear in zip(kept.stages, kept.linear_stages, strict=True):
            assert torch.equal(stage, linear.clamp(min=0)) and (linear < 0).any()
        assert torch.equal(plain.heatmap, kept.heatmap)


def test_place_attention_has_mean_1_and_a_low_temperature_sharpens_it() -> None:
    maps = torch.rand(2, 3, 4, 5)
    weights = place_attention(maps, 0.5)
    torch.testing.assert_close(weights.mean(dim=(1, 2)), torch.ones(2))
    assert place_attention(maps, 0.01).amax() > weights.amax()


def test_non_local_equals_all_products_and_starts_as_the_identity() -> None:
    torch.manual_seed(0)
    block, maps = NonLocal(4, 1).eval(), torch.randn(2, 4, 3, 3)
    torch.testing.assert_close(block(maps), maps)
    torch.nn.init.ones_(block.out[1].weight)
    query, key, value = (layer(maps).flatten(2) for layer in (block.query, block.key, block.value))
    gathered = value @ (query.transpose(1, 2) @ key / 9).transpose(1, 2)
    torch.testing.assert_close(block(maps), maps + block.out(gathered.view(2, 2, 3, 3)))


def detections(boxes, scores, labels):
    return Detections(torch.tensor(boxes), torch.tensor(scores), torch.tensor(labels))


def test_consistency_of_a_matched_pair_by_hand() -> None:
    """0.1 m along x: quadratic below 1/9; the score's gap of 0.2 is beyond it, linear."""
    box = [0.0, 0, 0, 4, 2, 1.5, 0.3]
    student = detections([[0.1, *box[1:]], [50, *box[1:]]], [0.5, 0.9], [0, 0])
    teacher = detections([box], [0.7], [0])
    expected = 0.5 * 0.1**2 * 9 / 7 + (0.2 - 1 / 18)
    assert consistency_loss(student, teacher, 0.7).item() == pytest.approx(expected, rel=1e-4)
    turned = teacher._replace(boxes=teacher.boxes + torch.tensor([0.1, 0, 0, 0, 0, 0, math.pi]))
    assert consistency_loss(student, turned, 0.7).item() == pytest.approx(0.2 - 1 / 18, rel=1e-3)
    other = teacher._replace(labels=torch.tensor([1]))
    assert consistency_loss(student, other, 0.7).item() == 0
    none = student.select(torch.zeros(2, dtype=torch.bool))
    assert consistency_loss(none, teacher, 0.7).item() == 0


def test_the_ramp_of_consistency() -> None:
    assert ramp(0, 15) == pytest.approx(math.exp(-5))
    assert ramp(15, 15) == ramp(40, 15) == 1


def test_general_instances_are_where_networks_disagree_with_the_surer_ones_box() -> None:
    room = narrow_and_wide()
    outputs = room.outputs()
    low, box = torch.full((2, 2, 16, 16), -9.0), torch.zeros(2, 8, 16, 16)
    mine, theirs = low.clone(), low.clone()
    mine[0, 0, 2, 2] = theirs[0, 0, 2, 2] = 3.0  # both know it
    mine[0, 0, 8, 8], theirs[0, 1, 12, 12] = 2.0, 1.0
    student = outputs.student._replace(heatmap=mine, box=box)
    teacher = outputs.teacher._replace(heatmap=theirs, box=box + 0.5)
    scores = disagreement(student, teacher).heatmap.sigmoid()
    assert scores[0, 0, 8, 8].item() == pytest.approx(1 / (1 + math.exp(-2)), abs=1e-3)
    found = GeneralInstances(room.pair.teacher, 2, 0.3)(student, teacher)[0]
    assert found.labels.tolist() == [0, 1]
    torch.testing.assert_close(found.boxes[:, :2], torch.tensor([[0.0, 0], [4.5, 4.5]]))


def test_fine_grained_anchors_by_brute_force() -> None:
    anchors = make_anchors(small_anchor_config())
    boxes = torch.tensor([[3.3, 2.2, -1, 4, 2, 1.5, 0.4], [-4, 1, -1, 0.8, 0.7, 1.7, 1]])
    mask = anchor_mask(anchors, boxes, 0.5)
    iou = nearest_bev_iou(anchors, boxes)
    expected = [
        any(iou[i, j] > 0.5 * iou[:, j].max() for j in (0, 1)) for i in range(len(anchors))
    ]
    assert mask.tolist() == expected and 0 < mask.sum() < 40
    assert not anchor_mask(anchors, boxes[:0], 0.5).any()


BOX = torch.tensor([[3.3, 2.2, -1, 4, 2, 1.5, 0.4]])  # its centre is in column 11, row 10


def test_the_teacher_chooses_the_cell_where_it_is_best() -> None:
    config, label = small_config(), torch.tensor([1])
    cells = torch.cartesian_prod(torch.arange(16), torch.arange(16)).flip(1)
    said = encode_at(cells, BOX.expand(256, 7), config).T.view(8, 16, 16)
    probability = torch.full((2, 16, 16), 0.1)
    probability[1, 9, 12] = 0.6  # the best near the centre, as all boxes are right
    probability[1, 2, 2] = probability[0, 10, 11] = 0.9  # too far; another class
    arguments = (BOX, label, config, AssignmentConfig())
    assert best_cells(probability, said, *arguments).tolist() == [[12, 9]]
    said = said.clone()
    said[:, 9, 12] += 1  # a bad box costs more than the score gives
    assert best_cells(probability, said, *arguments).tolist() != [[12, 9]]


def test_assigned_cells_become_the_students_targets() -> None:
    room = narrow_and_wide()
    outputs = room.outputs()
    batch = TeacherAssignment(AssignmentConfig(box=0), room.pair, 0)(room.batch, outputs.teacher)
    moved = batch.targets.cell != room.batch.targets.cell
    assert moved.any() and batch.teacher_targets is room.batch.teacher_targets
    places = [
        torch.stack((t.cell % 16 + t.box[:, 0], t.cell // 16 + t.box[:, 1]), dim=1)
        for t in (batch.targets, room.batch.targets)
    ]
    first, second = (each[each[:, 0].argsort()] for each in places)
    torch.testing.assert_close(first, second)  # whatever the cell, the centre is where it was
