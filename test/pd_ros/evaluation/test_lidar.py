"""The rule in the LiDAR frame, worked out by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pd_ros.detection.types import Detections
from pd_ros.evaluation.lidar import (
    ClassScores,
    ClassTally,
    GroundTruth,
    LabelledFrames,
    default_iou,
    evaluate_frames,
    format_table,
    loose_iou,
)
from pd_ros.evaluation.matching import reachable_r40

CLASSES = ["car", "pedestrian"]
IOU = {"car": 0.7, "pedestrian": 0.5}


def car(x: float, y: float = 0.0) -> list[float]:
    return [x, y, 0.0, 4.0, 2.0, 1.5, 0.3]


def truth(
    boxes: list[list[float]], labels: list[int] | None = None, ignore: list[bool] | None = None
) -> GroundTruth:
    count = len(boxes)
    return GroundTruth(
        torch.tensor(boxes).reshape(-1, 7),
        torch.tensor(labels or [0] * count, dtype=torch.int64),
        torch.tensor(ignore or [False] * count, dtype=torch.bool),
    )


def found(
    boxes: list[list[float]], scores: list[float], labels: list[int] | None = None
) -> Detections:
    return Detections(
        torch.tensor(boxes).reshape(-1, 7),
        torch.tensor(scores),
        torch.tensor(labels or [0] * len(boxes), dtype=torch.int64),
    )


def score(*frames: tuple[GroundTruth, Detections], at: float | None = None) -> ClassScores:
    truths, detections = zip(*frames, strict=True)
    return evaluate_frames(truths, detections, CLASSES, IOU, at)["car"]


def many(count: int) -> list[list[float]]:
    return [car(10.0 * i) for i in range(count)]


def test_who_looks_back_is_found_but_does_not_face_the_right_way() -> None:
    """Its box covers the object all the same; half turns of yaws are none."""
    boxes = many(4)
    boxes[1][6] += math.pi
    boxes[2][6] -= 2 * math.pi
    boxes[3][6] -= math.pi
    row = score((truth(many(4)), found(boxes, [0.9, 0.8, 0.7, 0.6])))
    assert (row.true_positives, row.facing) == (4, 0.5)
    assert score((truth(many(1)), found([], []))).facing == 0


def test_perfect_with_41_objects_is_100() -> None:
    row = score((truth(many(41)), found(many(41), [0.5] * 41)))
    assert row.ap_3d_r40 == row.ap_bev_r40 == 100
    assert (row.recall, row.precision, row.true_positives, row.false_positives) == (1, 1, 41, 0)


def test_few_objects_never_reach_100() -> None:
    # As KITTI: 20 objects fill 20 slots, of which the first does not count.
    row = score((truth(many(20)), found(many(20), [0.5] * 20)))
    assert row.ap_3d_r40 == pytest.approx(47.5)


def test_half_of_the_detections_wrong() -> None:
    wrong = [car(10.0 * i, y=50.0) for i in range(41)]
    row = score((truth(many(41)), found(many(41) + wrong, [0.5] * 82)))
    assert row.ap_3d_r40 == pytest.approx(50)
    assert row.precision == 0.5


def test_a_shift_in_height_costs_3d_only() -> None:
    shifted = [[*box[:2], 0.5, *box[3:]] for box in many(41)]  # 3D IoU 1 / 2
    row = score((truth(many(41)), found(shifted, [0.5] * 41)))
    assert (row.ap_bev_r40, row.ap_3d_r40) == (100, 0)


def test_ignored_objects_and_others_absorb() -> None:
    boxes = [car(0), car(10), car(20)]
    labels, ignore = [0, 0, -1], [False, True, False]
    row = score((truth(boxes, labels, ignore), found(boxes, [0.5, 0.9, 0.9])))
    assert (row.num_truth, row.true_positives, row.false_positives) == (1, 1, 0)


def test_another_class_does_not_absorb() -> None:
    row = score((truth([car(0), car(10)], [0, 1]), found([car(0), car(10)], [0.5, 0.9])), at=0.1)
    assert (row.num_truth, row.true_positives, row.false_positives) == (1, 1, 1)


def test_duplicates_are_wrong() -> None:
    row = score((truth([car(0)]), found([car(0), car(0.1)], [0.5, 0.9])), at=0.1)
    assert (row.true_positives, row.false_positives) == (1, 1)


def test_best_f1_leaves_the_wrong_tail_out() -> None:
    boxes = many(4)
    tail = [car(10.0 * i, y=50.0) for i in range(5)]
    row = score((truth(boxes), found(boxes + tail, [0.9, 0.8, 0.7, 0.6] + [0.3] * 5)))
    assert row.score_threshold == pytest.approx(0.6)
    assert (row.recall, row.precision) == (1, 1)


def test_given_score_threshold() -> None:
    row = score((truth(many(4)), found(many(4), [0.9, 0.8, 0.7, 0.6])), at=0.75)
    assert (row.recall, row.precision, row.true_positives) == (0.5, 1, 2)


def test_nothing_there_and_nothing_found() -> None:
    row = score((truth([]), found([], [])), (truth([]), Detections.empty()))
    assert (row.ap_3d_r40, row.recall, row.precision, row.num_truth) == (0, 0, 0, 0)


def test_frames_are_not_mixed() -> None:
    row = score((truth([car(0)]), found([], [])), (truth([]), found([car(0)], [0.9])), at=0.0)
    assert (row.true_positives, row.false_positives, row.recall) == (0, 1, 0)


def test_errors() -> None:
    with pytest.raises(ValueError, match="expected 1 frames"):
        evaluate_frames([truth([])], [], CLASSES, IOU)
    with pytest.raises(ValueError, match=r"none for \['pedestrian'\]"):
        evaluate_frames([], [], CLASSES, {"car": 0.7})


def test_table_and_default_thresholds() -> None:
    assert default_iou(["Car", "cyclist"]) == {"Car": 0.7, "cyclist": 0.5}
    table = format_table(evaluate_frames([truth([])], [found([], [])], CLASSES, IOU))
    words = [line.split()[0] for line in table.splitlines()]
    assert words == ["class", "car", "pedestrian", "at"]


def test_the_line_says_what_so_few_objects_can_reach() -> None:
    """16 cars all found rightly: 15 of 40 recalls."""
    places = [car(8.0 * place) for place in range(16)]
    frame, everything = truth(places), found(places, [0.9] * 16)
    few = evaluate_frames([frame], [everything], CLASSES, IOU)
    assert (few["car"].ap_3d_r40, few["car"].recall, few["car"].precision) == (37.5, 1, 1)
    table = format_table(few).splitlines()
    assert table[1].split()[3:6] == ["37.50", "37.50", "37.50"]
    assert table[-1].startswith("at most: fewer than 41 objects cannot reach an AP of 100")
    many = {"car": evaluate_frames([frame] * 3, [everything] * 3, CLASSES, IOU)["car"]}
    assert many["car"].ap_3d_r40 == pytest.approx(100)
    assert len(format_table(many).splitlines()) == 2


@pytest.mark.parametrize("count", [1, 2, 5, 40, 41, 42, 90])
def test_what_can_be_reached_is_what_a_perfect_detector_gets(count: int) -> None:
    places = [car(8.0 * place) for place in range(count)]
    perfect = evaluate_frames([truth(places)], [found(places, [0.9] * count)], CLASSES, IOU)["car"]
    assert perfect.ap_3d_r40 == pytest.approx(reachable_r40(count))


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3)), max_size=8), st.randoms())
def test_order_of_frames_does_not_matter(cells: list[tuple[int, int]], random) -> None:  # type: ignore[no-untyped-def]
    frames = [
        (truth([car(5.0 * x)]), found([car(5.0 * x + 0.3 * y)], [0.1 * y + 0.1])) for x, y in cells
    ] or [(truth([]), found([], []))]
    mixed = frames.copy()
    random.shuffle(mixed)
    assert score(*frames) == score(*mixed)


def test_at_a_distance_only_what_is_there_counts() -> None:
    """One car at 10 m found, one at 30 m missed, false ones at 15 m and at 50 m."""
    frame = truth([car(10), car(30)])
    detections = found([car(10), car(15), car(50)], [0.9, 0.8, 0.7])
    near = evaluate_frames([frame], [detections], CLASSES, IOU, 0.1, (0, 20))["car"]
    assert (near.num_truth, near.true_positives, near.false_positives) == (1, 1, 1)
    middle = evaluate_frames([frame], [detections], CLASSES, IOU, 0.1, (20, 40))["car"]
    assert (middle.num_truth, middle.true_positives, middle.false_positives) == (1, 0, 0)
    far = evaluate_frames([frame], [detections], CLASSES, IOU, 0.1, (40, float("inf")))["car"]
    assert (far.num_truth, far.true_positives, far.false_positives) == (0, 0, 1)


def test_a_detection_beyond_the_limit_of_an_object_before_it_is_right() -> None:
    frame, detections = truth([car(19.9)]), found([car(20.1)], [0.9])
    near = evaluate_frames([frame], [detections], CLASSES, IOU, 0.1, (0, 20))["car"]
    assert (near.true_positives, near.false_positives) == (1, 0)
    far = evaluate_frames([frame], [detections], CLASSES, IOU, 0.1, (20, 40))["car"]
    assert (far.num_truth, far.false_positives) == (0, 0)


def test_loose_overlaps_are_kittis() -> None:
    assert loose_iou(["Car", "truck", "Pedestrian", "cyclist"]) == {
        "Car": 0.5, "truck": 0.5, "Pedestrian": 0.25, "cyclist": 0.25,
    }  # fmt: skip


def test_curve_by_hand() -> None:
    """Right, wrong, right by falling score, of three objects."""
    frame = truth([car(0), car(10), car(20)])
    detections = found([car(0), car(35), car(10)], [0.9, 0.8, 0.7])
    part = LabelledFrames.of([frame], [detections])
    cars, people = ClassTally(0, (0.5,)), ClassTally(1, (0.25,))
    for tally in (cars, people):
        tally.find(part)
        tally.count(part)
    curve = cars.bev_curve(0.5, "model")
    assert curve.label == "model"
    assert curve.recall.tolist() == pytest.approx([1 / 3, 2 / 3])
    assert curve.precision.tolist() == pytest.approx([1, 2 / 3])
    assert len(people.bev_curve(0.25, "model").recall) == 0
