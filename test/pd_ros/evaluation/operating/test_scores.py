"""Found, ghosts and errors at a threshold, worked out by hand."""

import math

import pytest
import torch

from pd_ros.detection.types import Detections
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.evaluation.operating.box_errors import box_differences, summarise_errors
from pd_ros.evaluation.operating.reliability import measure_reliability
from pd_ros.evaluation.operating.report import format_operating_point, operating_point_json
from pd_ros.evaluation.operating.scores import choose_thresholds, score_operating_point

CLASSES = ("car", "pedestrian")
CAR, WALKER = (4.0, 2.0, 1.5), (1.0, 1.0, 1.8)


def box(x: float, y: float, size=CAR, yaw: float = 0.0) -> list[float]:
    return [x, y, 0.0, *size, yaw]


def truth(*boxes: list[float], labels: list[int], ignore: list[int] | None = None) -> GroundTruth:
    ignored = torch.zeros(len(boxes), dtype=torch.bool)
    ignored[ignore or []] = True
    return GroundTruth(torch.tensor(boxes).reshape(-1, 7), torch.tensor(labels), ignored)


def found(*rows: tuple[list[float], float, int]) -> Detections:
    boxes, scores, labels = zip(*rows, strict=True) if rows else ((), (), ())
    return Detections(
        torch.tensor(boxes).reshape(-1, 7),
        torch.tensor(scores),
        torch.tensor(labels, dtype=torch.int64),
    )


STREET = truth(
    box(10, 0), box(30, 0), box(5, 5, WALKER), box(50, 0), box(15, 10),
    labels=[0, 0, 1, 0, -1], ignore=[3],
)  # fmt: skip
SEEN = found(
    (box(10.1, 0), 0.9, 0),  # right
    (box(33, 0), 0.8, 0),  # touches the second car, but is none
    (box(50, 0), 0.7, 0),  # on a car that nobody asks for
    (box(10, 20), 0.6, 0),  # a ghost within 40 m
    (box(60, 20), 0.6, 0),  # a ghost beyond
    (box(10, -20), 0.2, 0),  # would be one, but is below the threshold
    (box(15, 10), 0.9, 0),  # on an object of another kind
    (box(10, 0, WALKER), 0.9, 1),  # within the car: wrong, but no ghost
)
THRESHOLDS = {"car": 0.5, "pedestrian": 0.5}


def test_by_hand() -> None:
    scores = score_operating_point([STREET], [SEEN], CLASSES, THRESHOLDS)
    car = scores["car"]["all"]
    assert (car.objects, car.found, car.wrong, car.ghosts) == (2, 1, 3, 2)
    assert (car.recall, car.precision, car.ghosts_per_frame) == (0.5, 0.25, 2.0)
    walker = scores["pedestrian"]["all"]
    assert (walker.objects, walker.found, walker.wrong, walker.ghosts) == (1, 0, 1, 0)
    assert walker.errors is None


def test_ranges_add_up() -> None:
    rows = score_operating_point([STREET, STREET], [SEEN, SEEN], CLASSES, THRESHOLDS)["car"]
    near, middle, far = (rows[name] for name in ("0-20 m", "20-40 m", "over 40 m"))
    assert [(each.objects, each.found, each.ghosts) for each in (near, middle, far)] == [
        (2, 2, 0),
        (2, 0, 2),
        (0, 0, 2),
    ]
    assert far.ghosts_per_frame == 1.0
    assert rows["all"].objects == 4


def test_nothing_there_and_nothing_found() -> None:
    empty = truth(labels=[])
    scores = score_operating_point([empty], [found()], CLASSES, THRESHOLDS)
    row = scores["car"]["all"]
    assert (row.objects, row.found, row.wrong, row.recall, row.precision) == (0, 0, 0, 0, 0)
    assert score_operating_point([], [], CLASSES, THRESHOLDS)["car"]["all"].ghosts_per_frame == 0
    assert choose_thresholds([empty], [found()], CLASSES) == {"car": 1.0, "pedestrian": 1.0}


def test_threshold_of_the_highest_f1() -> None:
    """Both cars by 0.6; 0.9 has one of two, 0.3 adds two wrong ones."""
    there = truth(box(10, 0), box(30, 0), labels=[0, 0])
    seen = found(
        (box(10, 0), 0.9, 0), (box(30, 0), 0.6, 0), (box(5, 9), 0.3, 0), (box(5, -9), 0.3, 0)
    )
    assert choose_thresholds([there], [seen], CLASSES)["car"] == pytest.approx(0.6)


def test_ghosts_raise_the_threshold() -> None:
    """Two frames, each a car of 0.6; ghosts of 0.9, 0.7 and 0.65: one of them is allowed."""
    there = [truth(box(10, 0), labels=[0])] * 2
    seen = [
        found((box(10, 0), 0.6, 0), (box(5, 9), 0.9, 0), (box(5, -9), 0.7, 0)),
        found((box(10, 0), 0.6, 0), (box(9, 9), 0.65, 0)),
    ]
    free = choose_thresholds(there, seen, CLASSES, ghosts_per_frame=9)["car"]
    assert free == pytest.approx(0.6)
    bound = choose_thresholds(there, seen, CLASSES, ghosts_per_frame=0.5)["car"]
    assert 0.7 < bound < 0.7001
    row = score_operating_point(there, seen, CLASSES, dict.fromkeys(CLASSES, bound))["car"]["all"]
    assert row.ghosts_per_frame == 0.5


def test_errors_along_the_box() -> None:
    """Turned by 90 degrees, what lies along y is along the box; a flip is no error of an axis."""
    true = torch.tensor([box(10, 0, yaw=math.pi / 2)])
    other = true + torch.tensor([[0.1, 0.3, -0.2, 0.5, -0.1, 0.05, math.pi + 0.1]])
    row = box_differences(other, true)[0]
    expected = [0.3, -0.1, -0.2, 0.5, -0.1, 0.05, 0.1]
    torch.testing.assert_close(row, torch.tensor(expected).double(), atol=1e-5, rtol=0)
    summary = summarise_errors(torch.stack((row, -row)))
    assert summary is not None
    assert summary.along_m == pytest.approx((0, 0.3), abs=1e-5)
    assert summary.yaw_deg == pytest.approx((0, math.degrees(0.1)), abs=1e-3)
    assert "yaw -0.00 ± 5.73 deg" in str(summary) or "yaw +0.00 ± 5.73 deg" in str(summary)
    assert summarise_errors(torch.zeros(0, 7)) is None


def test_the_table_names_class_range_and_errors() -> None:
    scores = score_operating_point([STREET], [SEEN], CLASSES, THRESHOLDS)
    lines = format_operating_point(scores).splitlines()
    assert "1 of 2" in lines[1] and "2.00" in lines[1]
    assert lines[-1].startswith("car") and "along +0.10" in lines[-1]
    near = operating_point_json(scores)["car"]["0-20 m"]
    assert (near["found"], near["recall"], near["precision"]) == (1, 1.0, 1.0)
    assert operating_point_json(scores)["car"]["all"]["ghosts_per_frame"] == 2.0


def test_scores_against_what_is_right() -> None:
    """Of boxes of 0.95, one of two is right, off by 0.45; one of 0.65 is wrong, off by 0.65."""
    there = truth(box(10, 0), labels=[0])
    seen = found((box(10, 0), 0.95, 0), (box(20, 9), 0.95, 0), (box(20, -9), 0.65, 0))
    car = measure_reliability([there], [seen], CLASSES)["car"]
    assert (car.boxes[9], car.boxes[6], sum(car.boxes)) == (2, 1, 3)
    assert (car.right[9], car.right[6]) == (0.5, 0.0)
    assert car.error == pytest.approx((2 * 0.45 + 0.65) / 3)
    nobody = measure_reliability([], [], CLASSES)["pedestrian"]
    assert (sum(nobody.boxes), nobody.error) == (0, 0)
