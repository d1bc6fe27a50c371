import math

import torch
from small_model import small_anchor_config

from pd_ros.detection.anchors import decode_boxes, make_anchors
from training.anchor_targets import BACKGROUND, NOT_COUNTED, AnchorAssigner
from training.labels import Labels

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
