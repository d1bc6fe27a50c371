"""Agreement of two sets of boxes, worked out by hand and against a matching by brute force."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.detection.boxes import bev_iou
from pd_ros.detection.types import Detections
from pd_ros.evaluation import distance_bins as distance
from pd_ros.evaluation.agreement import count_agreement, disagreement, pair_boxes, teacher_truth
from pd_ros.evaluation.agreement_sums import Agreement
from pd_ros.evaluation.lidar import GroundTruth

CLASSES = ("car", "pedestrian")
RANGE_M = (-50.0, -50.0, -3.0, 50.0, 50.0, 1.0)


def boxes(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 7)


def car(x: float, yaw: float = 0.0, length: float = 4.0) -> list[float]:
    return [x, 0.0, 0.0, length, 2.0, 1.5, yaw]


def found(rows: torch.Tensor, scores: list[float], labels: list[int] | None = None) -> Detections:
    labels_tensor = torch.tensor(labels or [0] * len(scores), dtype=torch.int64)
    return Detections(rows, torch.tensor(scores), labels_tensor)


def others(rows: torch.Tensor, labels: list[int] | None = None, ignore=()) -> GroundTruth:
    count = len(rows)
    ignored = torch.zeros(count, dtype=torch.bool)
    ignored[list(ignore)] = True
    return GroundTruth(rows, torch.tensor(labels or [0] * count, dtype=torch.int64), ignored)


def test_matched_missed_extra_and_all_differences_by_hand() -> None:
    """A car found 1 m too far, 0.4 m too long and turned round; one missed, one invented."""
    mine = found(boxes(car(11, math.pi - 0.1, 4.4), car(30)), [0.9, 0.6])
    theirs = others(boxes(car(10, -0.1), car(-25)))
    scores = torch.tensor([0.7, 0.8])
    # a turn by pi about the same angle leaves the outline: 4.4 x 2 against 4 x 2, both by -0.1
    pairs = pair_boxes(mine, theirs, CLASSES)
    assert (pairs.found.tolist(), pairs.other.tolist()) == ([0], [0])
    assert (pairs.extra.tolist(), pairs.missed.tolist()) == ([1], [1])
    table = count_agreement(mine, theirs, scores, pairs, CLASSES)
    near, middle, far = table["car"]
    assert (near.matched, near.missed, near.extra) == (1, 0, 0)
    assert (middle.matched, middle.missed, middle.extra) == (0, 1, 1)
    assert far == Agreement() == table["pedestrian"][0]
    means = near.means()
    assert means["centre_m"] == pytest.approx(1.0)
    assert means["size_m"] == pytest.approx(0.4 / 3, abs=1e-6)
    assert means["yaw_deg"] == pytest.approx(0, abs=1e-3)
    assert means["reversed"] == 1
    assert means["score"] == pytest.approx(0.2)
    assert means["bev_iou"] == pytest.approx(float(pairs.iou[0]))
    assert disagreement(mine, scores, pairs) == pytest.approx(0.8 + 0.6 + 1 - float(pairs.iou[0]))


@pytest.mark.parametrize(
    ("turn_deg", "yaw_deg", "reversed_"), [(0, 0, 0), (10, 10, 0), (-20, 20, 0), (170, 10, 1)]
)
def test_yaw_is_the_axes_and_the_direction_by_itself(turn_deg, yaw_deg, reversed_) -> None:
    mine = found(boxes(car(0, math.radians(turn_deg))), [1])
    theirs = others(boxes(car(0)))
    pairs = pair_boxes(mine, theirs, CLASSES)
    row = count_agreement(mine, theirs, torch.ones(1), pairs, CLASSES)["car"]
    means = row[0].means()
    assert means["yaw_deg"] == pytest.approx(yaw_deg, abs=1e-3)
    assert means["reversed"] == reversed_


def test_iou_of_a_shifted_car() -> None:
    """Shifted by 1 of 4 m: 3 / 5."""
    pairs = pair_boxes(found(boxes(car(1)), [1]), others(boxes(car(0))), CLASSES)
    assert pairs.iou.tolist() == pytest.approx([0.6])


def test_classes_have_to_be_the_same_and_people_need_less_overlap() -> None:
    half = [0.4, 0.0, 0.0, 0.8, 0.8, 1.8, 0.0]  # shifted by half: IoU 1/3
    rows = boxes([0.0, 0.0, 0.0, 0.8, 0.8, 1.8, 0.0])
    assert len(pair_boxes(found(boxes(half), [1], [1]), others(rows, [1]), CLASSES).found) == 1
    assert len(pair_boxes(found(boxes(half), [1], [0]), others(rows, [0]), CLASSES).found) == 0
    crossed = pair_boxes(found(boxes(half), [1], [1]), others(rows, [0]), CLASSES)
    assert (crossed.extra.tolist(), crossed.missed.tolist()) == ([0], [0])


def test_what_is_not_asked_for_excuses_but_does_not_count() -> None:
    mine = found(boxes(car(0), car(10), car(20)), [0.9, 0.8, 0.7])
    theirs = others(boxes(car(0), car(10), car(40)), [0, -1, 0], ignore=[0, 2])
    pairs = pair_boxes(mine, theirs, CLASSES)
    assert len(pairs.found) == 0
    assert pairs.extra.tolist() == [2]
    assert pairs.missed.tolist() == []


def test_a_second_box_on_the_same_car_is_extra() -> None:
    pairs = pair_boxes(
        found(boxes(car(0.5), car(0.1)), [0.9, 0.5]), others(boxes(car(0))), CLASSES
    )
    assert (pairs.found.tolist(), pairs.extra.tolist()) == ([1], [0])


@pytest.mark.parametrize(("mine", "theirs"), [(0, 0), (2, 0), (0, 2)])
def test_no_boxes_on_one_side_or_on_both(mine: int, theirs: int) -> None:
    a = found(boxes(*[car(10.0 * i) for i in range(mine)]), [0.5] * mine)
    b = others(boxes(*[car(10.0 * i) for i in range(theirs)]))
    pairs = pair_boxes(a, b, CLASSES)
    table = count_agreement(a, b, torch.ones(theirs), pairs, CLASSES)
    sums = sum(table["car"], Agreement())
    assert (sums.matched, sums.missed, sums.extra) == (0, theirs, mine)
    assert sums.means() is None
    assert sums.recall == (0.0 if theirs else None)
    assert sums.precision == (0.0 if mine else None)
    assert disagreement(a, torch.ones(theirs), pairs) == pytest.approx(0.5 * mine + theirs)


def test_a_teachers_box_is_asked_for_if_it_is_sure_and_seen_by_both() -> None:
    teacher = found(boxes(car(0), car(10), car(45), car(60)), [0.9, 0.2, 0.9, 0.9])
    short = (-40.0, -40.0, -3.0, 40.0, 40.0, 1.0)
    truth = teacher_truth(teacher, [RANGE_M, short], 0.3)
    assert truth.ignore.tolist() == [False, True, True, True]
    assert truth.labels.tolist() == [0, 0, 0, 0]


@given(st.lists(st.floats(-12, 12), max_size=5), st.lists(st.floats(-12, 12), max_size=5))
def test_greedy_pairs_are_the_best_available_and_everything_is_counted_once(a, b) -> None:
    mine = found(boxes(*map(car, a)), [0.5] * len(a))
    theirs = others(boxes(*map(car, b)))
    pairs = pair_boxes(mine, theirs, CLASSES)
    assert sorted([*pairs.found.tolist(), *pairs.extra.tolist()]) == list(range(len(a)))
    assert sorted([*pairs.other.tolist(), *pairs.missed.tolist()]) == list(range(len(b)))
    iou = bev_iou(mine.boxes, theirs.boxes)
    for row, column in itertools.product(pairs.extra.tolist(), pairs.missed.tolist()):
        assert iou[row, column] <= 0.5  # else they would be a pair
    assert (pairs.iou > 0.5).all()


def test_sums_of_frames_are_added() -> None:
    one = Agreement(1, 2, 3, 0.5, 1.0, 0.1, 0.2, 1.0, -0.1)
    assert one + one == Agreement(2, 4, 6, 1.0, 2.0, 0.2, 0.4, 2.0, -0.2)
    assert (one + Agreement()) == one
    assert one.recall == pytest.approx(1 / 3)
    assert one.precision == pytest.approx(1 / 4)


def test_ranges_begin_where_their_names_say() -> None:
    rows = boxes(car(0), car(19.99), car(20), car(-39.99), car(40), car(400))
    assert distance.range_numbers(rows).tolist() == [0, 0, 1, 1, 2, 2]
    assert [distance.limits_m(i) for i in range(3)] == [(0, 20), (20, 40), (40, float("inf"))]
    assert len(distance.NAMES) == len(distance.STARTS_M)
