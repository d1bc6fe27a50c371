import math

import torch

from pd_ros.detection.config.point_rcnn import ProposalConfig
from pd_ros.detection.point_rcnn.proposals import propose
from pd_ros.detection.types import PointOutput

SIZES = torch.tensor([[4.0, 3, 2], [1.0, 1, 2]])


def said(points, classes, box=None):
    """One cloud whose points say logits ``[N, K]`` and a box, of the class' size by default."""
    points, classes = torch.tensor(points), torch.tensor(classes)
    values = torch.zeros(len(points), 8)
    values[:, 6] = 1
    for row, column, value in box or ():
        values[row, column] = value
    features = torch.zeros(1, 5, len(points))
    return PointOutput(
        points[None], torch.tensor([len(points)]), features, classes.T[None], values.T[None]
    )


def test_boxes_by_falling_score_of_the_best_class_by_hand() -> None:
    output = said(
        [[0.0, 0, 0], [20, 0, 0], [0, 20, 1]],
        [[-1.0, -2], [0, 3], [1, -9]],
        [(1, 0, 0.5), (2, 6, 0.0), (2, 7, 1.0), (2, 3, math.log(2))],
    )
    found = propose(output, SIZES, ProposalConfig())
    assert found.labels.tolist() == [1, 0, 0]
    assert found.sample.tolist() == [0, 0, 0]
    expected = [
        [20 + 0.5 * math.sqrt(2), 0, 0, 1, 1, 2, 0],
        [0, 20, 1, 8, 3, 2, math.pi / 2],
        [0, 0, 0, 4, 3, 2, 0],
    ]
    torch.testing.assert_close(found.boxes, torch.tensor(expected))


def test_of_boxes_on_each_other_the_best_stays_and_few_are_kept() -> None:
    points = [[0.0, 0, 0], [0.01, 0, 0], [20, 0, 0], [40, 0, 0]]
    output = said(points, [[0.0, -9], [1, -9], [0.5, -9], [-3, -9]])
    kept = propose(output, SIZES, ProposalConfig(nms_iou_threshold=0.8)).boxes[:, 0]
    assert kept.tolist() == [torch.tensor(0.01).item(), 20, 40]
    settings = ProposalConfig(nms_iou_threshold=0.8, max_proposals=1)
    assert len(propose(output, SIZES, settings).boxes) == 1
    settings = ProposalConfig(nms_iou_threshold=0.8, max_candidates=2)
    assert len(propose(output, SIZES, settings).boxes) == 2


def test_a_box_that_is_none_does_not_go_on() -> None:
    output = said([[0.0, 0, 0], [9, 0, 0]], [[0.0, 0], [0, 0]], [(0, 3, 1e4)])
    assert propose(output, SIZES, ProposalConfig()).boxes[:, 0].tolist() == [9]
