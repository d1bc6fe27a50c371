"""Boxes sorted by hand: found, missed, imagined, wrong, not scored."""

import torch

from pd_ros.detection.types import Detections
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.evaluation.operating.scores import ALL_RANGES, score_operating_point
from pd_ros.evaluation.plots.layers import BirdseyePanel, box_layers, headline
from pd_ros.evaluation.plots.outcome import sort_boxes

CLASSES = ("car", "pedestrian")


def cars(*places: float) -> torch.Tensor:
    """Cars of 4 by 2 m beside each other, at these metres ahead."""
    return torch.tensor([[x, 0.0, -1.0, 4.0, 2.0, 1.5, 0.0] for x in places]).reshape(-1, 7)


def street() -> tuple[Detections, GroundTruth]:
    """Objects at 10, 20, 30 (of no class asked for) and 40 m; boxes on all but that at 40 m.

    The box at 11 m is a second one of the car at 10 m: 3 of 5 m in common, IoU 0.6, less than its
    rival's 1. That at 60 m is on nothing. That at 20 m is 3 m off: 1 of 7 m in common.
    """
    truth = GroundTruth(
        cars(10, 20, 30, 40), torch.tensor([0, 0, -1, 0]), torch.zeros(4, dtype=torch.bool)
    )
    found = Detections(cars(10, 11, 23, 30, 60), torch.full((5,), 0.9), torch.zeros(5).long())
    return found, truth


def test_each_box_is_in_its_group() -> None:
    outcome = sort_boxes(*street(), CLASSES)
    assert outcome.found.tolist() == [0]
    assert outcome.wrong.tolist() == [1, 2]
    assert outcome.not_scored.tolist() == [3]
    assert outcome.imagined.tolist() == [4]
    assert outcome.missed.tolist() == [1, 3]
    assert outcome.ignored.tolist() == [2]
    assert outcome.objects == 3


def test_counts_are_those_of_the_operating_point() -> None:
    found, truth = street()
    outcome = sort_boxes(found, truth, CLASSES)
    scores = score_operating_point([truth], [found], CLASSES, dict.fromkeys(CLASSES, 0.0))
    row = scores["car"][ALL_RANGES]
    assert (row.found, row.objects) == (len(outcome.found), outcome.objects)
    assert row.ghosts == len(outcome.imagined)
    assert row.wrong == len(outcome.imagined) + len(outcome.wrong)


def test_where_nobody_labelled_nothing_is_imagined() -> None:
    found, truth = street()
    outcome = sort_boxes(found, truth, CLASSES, torch.tensor([True, False, False, False, True]))
    assert outcome.found.tolist() == [0]  # it is right, whoever labelled it
    assert outcome.imagined.tolist() == []
    assert outcome.not_scored.tolist() == [3, 4]


def test_no_boxes_and_no_objects() -> None:
    nothing = Detections(cars(), torch.zeros(0), torch.zeros(0).long())
    empty = GroundTruth(cars(), torch.zeros(0).long(), torch.zeros(0, dtype=torch.bool))
    assert all(len(group) == 0 for group in sort_boxes(nothing, empty, CLASSES))
    found, truth = street()
    assert len(sort_boxes(nothing, truth, CLASSES).missed) == 3
    assert len(sort_boxes(found, empty, CLASSES).imagined) == 5


def test_headline_says_what_came_out() -> None:
    found, truth = street()
    panel = BirdseyePanel(torch.zeros(0, 3), found, CLASSES, "a", truth)
    assert headline(box_layers(panel)) == "found 1 of 3, missed 2, imagined 1"
    assert panel.objects == 3
    unlabelled = panel._replace(ground_truth=None)
    assert headline(box_layers(unlabelled)) == "car 5, pedestrian 0"
    assert unlabelled.objects == 5
