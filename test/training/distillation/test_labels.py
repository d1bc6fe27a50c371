import pytest
import torch
from small_distill_batch import narrow_and_wide
from small_model import ANCHORS

from pd_ros.detection.types import Detections
from training.config.sparse import LabelConfig
from training.datasets.frame import Labels
from training.distillation.labels.teacher_labels import TeacherLabels, join_labels, kept_boxes
from training.objectives.center_targets import make_targets

CAR = [3.0, 2, -1, 4, 2, 1.5, 0.0]
NEAR = [3.2, 2, -1, 4, 2, 1.5, 0.0]
FAR = [-5.0, -5, -1, 0.8, 0.8, 1.7, 0.0]
TRUTH = Labels(torch.tensor([CAR]), torch.tensor([0]), torch.zeros(0, 7))
CLASSES = ("car", "pedestrian")


def found(*scores: float) -> Detections:
    boxes = torch.tensor([NEAR, FAR, FAR])
    return Detections(boxes, torch.tensor(scores), torch.tensor([0, 1, 0]))


def test_scores_pass_their_class_threshold() -> None:
    config = LabelConfig(threshold=0.6, thresholds={"pedestrian": 0.5})
    kept = kept_boxes(found(0.6, 0.55, 0.7), TRUTH.boxes, config, CLASSES)
    assert kept.labels.tolist() == [1, 0]
    torch.testing.assert_close(kept.scores, torch.tensor([0.55, 0.7]))


def test_overlap_with_the_truth_can_stand_for_the_score() -> None:
    """The near box overlaps by 3.8 / 4.2 = 0.905; the pedestrian's score counts as it is."""
    kept = kept_boxes(found(0.0, 0.7, 0.9), TRUTH.boxes, LabelConfig(by_overlap=("car",)), CLASSES)
    assert kept.scores.tolist() == pytest.approx([0.0, 0.7])
    none = kept_boxes(found(1, 0, 1), TRUTH.boxes[:0], LabelConfig(by_overlap=CLASSES), CLASSES)
    assert len(none.boxes) == 0


def test_order_of_the_union() -> None:
    joined = join_labels(TRUTH, found(1, 1, 1), truth_first=False)
    assert joined.boxes[:, 0].tolist() == pytest.approx([3.2, -5, -5, 3.0])
    assert joined.classes.tolist() == [0, 1, 0, 0]
    assert join_labels(TRUTH, found(1, 1, 1), truth_first=True).boxes[0].tolist() == CAR


def test_what_is_known_of_velocities_is_joined() -> None:
    boxes = found(1, 1, 1)
    moving = boxes._replace(velocities=torch.tensor([[1.0, 0], [2, 0], [3, 0]]))
    assert join_labels(TRUTH, boxes, truth_first=True).all_velocities().isnan().all()
    joined = join_labels(TRUTH, moving, truth_first=False).all_velocities()
    assert joined[:3, 0].tolist() == [1, 2, 3] and joined[3].isnan().all()
    known = TRUTH._replace(velocities=torch.tensor([[4.0, 5]]))
    joined = join_labels(known, boxes, truth_first=True).all_velocities()
    assert joined[0].tolist() == [4, 5] and joined[1:].isnan().all()


def test_a_cell_learns_both_boxes_as_released_and_one_in_the_safe_variant() -> None:
    room = narrow_and_wide()
    both = join_labels(TRUTH, found(1, 1, 1).select(torch.tensor([0])), truth_first=True)
    released = make_targets([both], room.pair.student, 0, shared_cells=True)
    assert released.cell.tolist() == [10 * 16 + 11] * 2
    assert released.heatmap.max() == 1 and (released.heatmap == 1).sum() == 1
    safe = make_targets([both], room.pair.student)
    assert safe.box[:, 0].tolist() == [0.0]


@pytest.mark.parametrize("variant", ["released", "safe"])
def test_a_teachers_peak_becomes_a_target_of_the_student_alone(variant) -> None:
    room = narrow_and_wide()
    outputs = room.outputs()
    heatmap, box = torch.full((2, 2, 16, 16), -9.0), torch.zeros(2, 8, 16, 16)
    heatmap[0, 0, 3, 2], heatmap[0, 0, 3, 3] = 3.0, 2.0  # two boxes that overlap
    box[:, 3:5] = 1.4
    box[:, 6] = 1.0
    taught = outputs.teacher._replace(heatmap=heatmap, box=box)
    batch = TeacherLabels(LabelConfig(variant=variant), room.pair, 0)(room.batch, taught)
    peaks = (batch.targets.heatmap[0, 0] == 1).nonzero().tolist()
    assert ([3, 2] in peaks, [3, 3] in peaks) == (True, variant == "released")
    assert len(batch.targets.cell) == 4 + (2 if variant == "released" else 1)
    assert batch.teacher_targets is room.batch.teacher_targets


def test_a_student_with_anchors_learns_the_teachers_boxes() -> None:
    """All that a teacher has to have is detections."""
    room = narrow_and_wide(head=ANCHORS)
    config = LabelConfig(threshold=0.0)
    batch = TeacherLabels(config, room.pair, 0)(
        room.batch, room.outputs().teacher._replace(heatmap=torch.full((2, 8, 16, 16), 0.5))
    )
    assert len(batch.targets.sample) > len(room.batch.targets.sample)


@pytest.mark.parametrize("variant", ["released", "safe"])
def test_of_the_anchors_around_an_object_one_box_becomes_a_label(variant) -> None:
    """Two neighbours that say the same box, and one far away: two objects, not three."""
    room = narrow_and_wide(head=ANCHORS)
    taught = room.outputs().teacher
    logits, box = torch.full_like(taught.heatmap, -9.0), torch.zeros_like(taught.box)
    logits[0, 0, 3, 2], logits[0, 0, 3, 3], logits[0, 0, 12, 12] = 3.0, 2.0, 1.0
    box[0, 0, 3, 3] = -1 / (3**2 + 2**2) ** 0.5  # x back by one cell, in diagonals of the anchor
    found = TeacherLabels(LabelConfig(variant=variant), room.pair, 0)
    labels = found._decode(taught._replace(heatmap=logits, box=box))[0]
    assert len(labels.boxes) == 2
