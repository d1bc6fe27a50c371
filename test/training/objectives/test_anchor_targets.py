import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_model import small_anchor_config, small_pyramid_config

from pd_ros.detection.bev.anchors import (
    anchor_head,
    decode_boxes,
    direction_bin,
    encode_boxes,
    make_anchors,
    nearest_bev_iou,
)
from training.datasets.frame import Labels
from training.objectives.anchor_targets import BACKGROUND, NOT_COUNTED, AnchorAssigner

CONFIG = small_anchor_config()
ANCHORS = make_anchors(CONFIG)
NONE = torch.zeros(0, 7)


def assign(boxes, classes, ignored=NONE):
    labels = Labels(torch.tensor(boxes).view(-1, 7), torch.tensor(classes).long(), ignored)
    return AnchorAssigner(CONFIG)([labels])


def on_anchor(row, column, anchor):
    return ANCHORS.view(16, 16, 4, 7)[row, column, anchor].tolist(), (
        row * 16 + column
    ) * 4 + anchor


def test_a_box_on_an_anchor_is_matched_with_no_difference() -> None:
    box, number = on_anchor(5, 9, 0)
    targets = assign([box], [0])
    assert number in targets.anchor.tolist()
    row = targets.anchor.tolist().index(number)
    torch.testing.assert_close(targets.box[row], torch.zeros(7))
    # Seen from the offset of 45 degrees, a yaw of 0 lies in the second half turn.
    assert targets.direction[row] == 1
    assert targets.label[0, number] == 0
    # The same place turned by 90 degrees: 2 x 2 m of 6 + 6 - 4 m2, below 0.6, above 0.45.
    assert targets.label[0, number + 1] == NOT_COUNTED
    # The other class sees background there, and so does everything far away.
    assert (targets.label[0, number + 2 : number + 4] == BACKGROUND).all()
    assert targets.label[0, 0] == BACKGROUND


def test_matched_anchors_give_their_box_back() -> None:
    boxes = [[-3.2, 4.1, -1, 3.3, 1.8, 1.4, 0.2], [2.0, -2.0, -0.9, 0.7, 0.7, 1.8, -2.0]]
    targets = assign(boxes, [0, 1])
    found = decode_boxes(targets.box, ANCHORS[targets.anchor])
    classes = targets.label[0, targets.anchor].long()
    torch.testing.assert_close(found, torch.tensor(boxes)[classes])
    assert set(classes.tolist()) == {0, 1}


def test_an_object_that_overlaps_little_still_has_its_nearest_anchor() -> None:
    targets = assign([[0.5, 0.5, -1, 1.5, 0.8, 1.5, math.pi / 4]], [0])
    assert len(targets.anchor) >= 1
    assert (targets.label[0, targets.anchor] == 0).all()


def test_ignored_boxes_do_not_count_unless_an_object_is_matched_there() -> None:
    box, number = on_anchor(5, 9, 0)
    far = torch.tensor([[-6.0, -6.0, 5.0, 2.0, 2.0, 1.0, 0.0]])
    targets = assign([box], [0], torch.cat((torch.tensor([box]), far)))
    assert targets.label[0, number] == 0
    assert (targets.label[0].view(16, 16, 4)[2, 2] == NOT_COUNTED).all()


def test_a_batch_of_a_frame_with_and_one_without_boxes() -> None:
    box, number = on_anchor(5, 9, 0)
    full = Labels(torch.tensor([box]), torch.tensor([0]), NONE)
    empty = Labels(NONE, torch.zeros(0, dtype=torch.int64), NONE)
    targets = AnchorAssigner(CONFIG)([empty, full])
    assert (targets.label[0] == BACKGROUND).all()
    assert (targets.sample == 1).all() and number in targets.anchor.tolist()


def some_labels(seed, objects, ignored):
    """Boxes in the grid of 16 m, beside it, and some in the same place."""
    generator = torch.Generator().manual_seed(seed)
    scale, low = (
        torch.tensor([20.0, 20, 1, 5, 3, 1, 7]),
        torch.tensor([-10.0, -10, -2, 0.4, 0.4, 1, -3]),
    )
    boxes = torch.rand(objects + ignored, 7, generator=generator) * scale + low
    boxes[1:objects:3] = boxes[: objects - 1 : 3][: len(boxes[1:objects:3])]
    classes = torch.randint(2, (objects,), generator=generator)
    return Labels(boxes[:objects], classes, boxes[objects:], torch.rand(objects, 2))


def assign_one_by_one(config, frame):
    """The rule in plain loops over all anchors and boxes: labels, and the box of each match."""
    head, anchors = anchor_head(config), make_anchors(config)
    turns = len(head.rotations_rad)
    kinds = [n // turns % len(head.anchors) for n in range(len(anchors))]
    touched = (nearest_bev_iou(anchors, frame.ignored) > 0).any(dim=1).tolist()
    labels = [NOT_COUNTED if t else BACKGROUND for t in touched]
    matches = []
    for group in range(1 if head.class_free else len(config.classes)):
        numbers = [
            o for o, c in enumerate(frame.classes.tolist()) if head.class_free or c == group
        ]
        iou = nearest_bev_iou(anchors, frame.boxes[numbers]).tolist()
        members = [n for n, k in enumerate(kinds) if head.class_free or k == group]
        best = [max((iou[n][o] for n in members), default=0) for o in range(len(numbers))]
        for n in members:
            row = iou[n]
            if row and max(row) >= head.anchors[kinds[n]].unmatched_iou:
                labels[n] = NOT_COUNTED
            nearest = [
                o for o, v in enumerate(row) if v == best[o] and v > 0 and v >= head.nearest_iou
            ]
            if nearest or (row and max(row) >= head.anchors[kinds[n]].matched_iou):
                owner = numbers[nearest[0] if nearest else row.index(max(row))]
                labels[n] = int(frame.classes[owner])
                matches.append((n, owner))
    return labels, matches


@pytest.mark.parametrize("config", [CONFIG, small_pyramid_config()], ids=["by class", "pyramid"])
@given(st.integers(0, 10_000), st.integers(0, 7), st.integers(0, 2))
@settings(max_examples=25, deadline=None)
def test_what_is_found_around_boxes_is_all_there_is(config, seed, objects, ignored) -> None:
    frame = some_labels(seed, objects, ignored)
    labels, matches = assign_one_by_one(config, frame)
    targets = AnchorAssigner(config)([frame])
    assert targets.label[0].tolist() == labels
    assert targets.anchor.tolist() == [anchor for anchor, _ in matches]
    boxes = frame.boxes[[owner for _, owner in matches]]
    expected = encode_boxes(boxes, make_anchors(config)[targets.anchor])
    assert torch.equal(targets.box[:, :7], expected)
    assert torch.equal(targets.direction, direction_bin(boxes[:, 6], 0.78539))
    if anchor_head(config).velocity:
        assert torch.equal(targets.box[:, 7:], frame.velocities[[owner for _, owner in matches]])


def test_without_classes_an_object_may_have_any_anchor_or_none() -> None:
    """The second class at the size of the first anchor; a tiny thing that nothing overlaps."""
    config = small_pyramid_config()
    boxes = torch.tensor([[0.5, 0.5, -0.95, 3, 2, 1.5, 0], [5.5, 5.5, -1, 0.3, 0.3, 1, 0]])
    targets = AnchorAssigner(config)([Labels(boxes, torch.tensor([1, 0]), NONE)])
    anchors = make_anchors(config)
    assert targets.label.unique().tolist() == [NOT_COUNTED, BACKGROUND, 1]
    best = (targets.box[:, :7] == 0).all(dim=1)
    torch.testing.assert_close(anchors[targets.anchor[best]], boxes[:1])
    assert targets.box[:, 7:].isnan().all()  # nobody knows how fast they are
