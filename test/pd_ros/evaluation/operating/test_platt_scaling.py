"""Fitted calibration, on boxes whose chances of being right are known."""

import pytest
import torch

from pd_ros.detection.score_calibration import calibrate_scores
from pd_ros.detection.types import Detections
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.evaluation.operating.platt_scaling import fit_scaling, held_out_reliability
from pd_ros.evaluation.operating.reliability import measure_reliability

CLASSES = ("car", "pedestrian")


def frame(score: float, right: int, wrong: int) -> tuple[GroundTruth, Detections]:
    """Cars of one score, so many on an object and so many on nothing."""
    boxes = torch.zeros(right + wrong, 7)
    boxes[:, 0] = 10.0 * torch.arange(right + wrong)
    boxes[:, 3:6] = torch.tensor([4.0, 2.0, 1.5])
    labels = torch.zeros(right + wrong, dtype=torch.int64)
    ignore = torch.zeros(right, dtype=torch.bool)
    truth = GroundTruth(boxes[:right], labels[:right], ignore)
    return truth, Detections(boxes, torch.full((right + wrong,), score), labels)


# Of the cars of score 0.8 half are right, of those of 0.4 one of ten.
FRAMES = [frame(0.8, 500, 500), frame(0.4, 100, 900)]


def test_scores_become_shares() -> None:
    truth, found = zip(*FRAMES, strict=True)
    scaling = fit_scaling(truth, found, CLASSES, "here")
    assert scaling.data == "here"
    assert scaling.classes.keys() == {"car"}  # nothing is known of pedestrians
    high, low = (calibrate_scores(each, scaling, CLASSES).scores[0] for each in found)
    assert float(high) == pytest.approx(0.5, abs=0.01)
    assert float(low) == pytest.approx(0.1, abs=0.01)
    # logit(0.8) = 1.386 to 0, logit(0.4) = -0.405 to -2.197: slope 1.227, bias -1.700
    assert scaling.classes["car"].temperature == pytest.approx(1 / 1.227, abs=0.02)
    assert scaling.classes["car"].bias == pytest.approx(-1.700, abs=0.03)


def test_a_class_of_which_all_is_wrong_keeps_its_scores() -> None:
    truth, found = zip(frame(0.8, 0, 3), strict=True)
    assert fit_scaling(truth, found, CLASSES, "").classes == {}
    assert fit_scaling([], [], CLASSES, "").classes == {}


def test_scores_that_say_the_contrary_are_never_turned_over() -> None:
    truth, found = zip(frame(0.8, 1, 9), frame(0.4, 9, 1), strict=True)
    scaling = fit_scaling(truth, found, CLASSES, "").classes["car"]
    assert scaling.temperature == 20
    assert scaling.bias == pytest.approx(0, abs=0.3)


def test_each_half_is_calibrated_on_the_other() -> None:
    """Drives a and b are alike: fitted on either, the other's scores are right."""
    alike = [*FRAMES, *FRAMES]
    truth, found = zip(*alike, strict=True)
    before = measure_reliability(truth, found, CLASSES)["car"].error
    assert before == pytest.approx(0.3)
    after = held_out_reliability(truth, found, CLASSES, ["a", "a", "b", "b"])["car"].error
    assert after < 0.01


def test_a_drive_is_never_calibrated_on_itself() -> None:
    """In one drive nine of ten are right, in the other one of ten: each learns the contrary."""
    one = [frame(0.6, 90, 10), frame(0.5, 90, 10)]
    other = [frame(0.6, 10, 90), frame(0.5, 10, 90)]
    truth, found = zip(*one, *other, strict=True)
    error = held_out_reliability(truth, found, CLASSES, ["a", "a", "b", "b"])["car"].error
    assert error == pytest.approx(0.8, abs=0.05)
    alone = held_out_reliability(truth[:2], found[:2], CLASSES, ["a", "a"])["car"].error
    assert alone == pytest.approx(0.35)
