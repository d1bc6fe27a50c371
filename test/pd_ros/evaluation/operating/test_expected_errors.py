"""Errors of the boxes that a checkpoint brings along: looked up, measured, kept."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.detection.types import Detections
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.evaluation.operating.expected_errors import (
    KEY,
    ExpectedErrors,
    MeasuredErrors,
    RangeErrors,
    read_box_errors,
)
from pd_ros.evaluation.operating.scores import score_operating_point
from training.evaluate.record import LEAST_PAIRS, to_box_errors

CLASSES = ("car", "pedestrian", "cyclist")


def errors(from_m: float, along_m: float) -> dict[str, float]:
    return {
        "from_m": from_m, "pairs": 9, "along_m": along_m, "across_m": 0.2, "up_m": 0.1,
        "yaw_rad": 0.05,
    }  # fmt: skip


RECORD = {"data": "dev", "classes": {"car": [errors(0, 0.3), errors(20, 0.6)],
                                     "cyclist": [errors(0, 0.4), errors(10, 0.5)]}}  # fmt: skip
MEASURED = MeasuredErrors.model_validate(RECORD)


def at(distances_m: list[float], labels: list[int]) -> Detections:
    """Boxes so far away, straight up and far down not counted."""
    boxes = torch.zeros(len(labels), 7)
    distance = torch.tensor(distances_m)
    boxes[:, 0], boxes[:, 1], boxes[:, 2] = 0.6 * distance, -0.8 * distance, -99.0
    return Detections(boxes, torch.ones(len(labels)), torch.tensor(labels, dtype=torch.int64))


def test_errors_are_those_of_class_and_distance_and_unknown_of_others() -> None:
    found = ExpectedErrors(MEASURED, CLASSES)(at([5.0, 25.0, 15.0, 25.0, 5.0], [0, 0, 2, 2, 1]))
    expected = torch.tensor([0.3, 0.6, 0.5, 0.5]).square()
    torch.testing.assert_close(found.variances[:4, 0], expected)
    rest = torch.tensor([0.04, 0.01, 0.0025]).expand(4, 3)
    torch.testing.assert_close(found.variances[:4, 1:], rest)
    assert found.variances[4].isnan().all()


@given(st.lists(st.tuples(st.floats(0, 100, width=32), st.integers(0, 2)), max_size=5))
def test_each_box_has_its_own_row_whatever_the_others_are(rows) -> None:
    expect = ExpectedErrors(MEASURED, CLASSES)
    together = at([distance for distance, _ in rows], [label for _, label in rows])
    variances = expect(together).variances
    assert variances.shape == (len(rows), 4)
    for number in range(len(rows)):
        alone = expect(together.select(torch.tensor([number]))).variances
        torch.testing.assert_close(alone[0], variances[number], equal_nan=True)


def test_without_a_record_nothing_is_known() -> None:
    found = ExpectedErrors(None, CLASSES)(at([5.0], [0]))
    assert found.variances.isnan().all()
    assert read_box_errors({}, "here") is None


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        ([], "from 0 on"),
        ([errors(5, 1)], "from 0 on"),
        ([errors(0, 1), errors(20, 1), errors(10, 1)], "rising"),
        ([errors(0, -1)], "along_m"),
        ([errors(0, math.nan)], "along_m"),
    ],
)
def test_a_damaged_record_is_refused_with_its_place(ranges, said) -> None:
    record = {KEY: {"data": "", "classes": {"car": ranges}}}
    with pytest.raises(ValueError, match=rf"here \(box_errors\): classes\.car.*{said}"):
        read_box_errors(record, "here")


def row_of_cars(x: float, count: int, ahead: float, turn: float) -> tuple[torch.Tensor, ...]:
    """Cars beside each other at ``x``, and the boxes found of them, that much ahead and turned."""
    true = torch.tensor([[x, 5.0 * i, 0, 4, 2, 1.5, 0] for i in range(count)])
    found = true.clone()
    found[:, 0] += ahead
    found[:, 6] = turn
    return true, found


def test_errors_are_measured_by_class_and_range() -> None:
    """Eight near cars 0.3 m ahead of theirs, all turned by 0.1; three farther ones 0.6 m ahead."""
    near, far = row_of_cars(1, LEAST_PAIRS // 2, 0.3, 0.1), row_of_cars(25, 3, 0.6, math.pi)
    truth, found = [], []
    for parts in (near, near, far):
        true, boxes = parts
        labels = torch.zeros(len(true), dtype=torch.int64)
        truth.append(GroundTruth(true, labels, torch.zeros(len(true), dtype=torch.bool)))
        found.append(Detections(boxes, torch.ones(len(true)), labels))
    scores = score_operating_point(truth, found, CLASSES, dict.fromkeys(CLASSES, 0.5))
    measured = to_box_errors(scores, "dev")
    assert measured.classes.keys() == {"car"}
    first, second, third = measured.classes["car"]
    none = {"across_m": 0.0, "up_m": 0.0}
    expected = RangeErrors(from_m=0, pairs=LEAST_PAIRS, along_m=0.3, yaw_rad=0.1, **none)
    assert first == expected
    # Too few there: those of all ranges. A box the wrong way round has the right axis.
    along, yaw = math.sqrt((8 * 0.09 + 3 * 0.36) / 11), math.sqrt(8 * 0.01 / 11)
    assert (second.pairs, second.from_m, third.from_m) == (11, 20.0, 40.0)
    assert (second.along_m, second.yaw_rad) == pytest.approx((along, yaw), abs=1e-4)
    assert third == second.model_copy(update={"from_m": 40.0})
