"""Calibrated scores: the numbers, the order, and every path from a checkpoint to boxes."""

import copy
import math

import pytest
import torch
from small_model import save_eager_model

from pd_ros.detection.checkpoint import add_to_record, load_checkpoint
from pd_ros.detection.families import make_batch, make_decoder
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.score_calibration import (
    KEY,
    PlattScaling,
    calibrate_scores,
    least_uncalibrated,
    read_scaling,
)
from pd_ros.detection.types import Detections

CLASSES = ("car", "pedestrian")
CAR = PlattScaling.model_validate(
    {"data": "dev", "classes": {"car": {"temperature": 0.5, "bias": -1.0}}}
)


def scored(*rows: tuple[float, int]) -> Detections:
    """Boxes at x = 0, 1, 2 ... by score and label."""
    boxes = torch.zeros(len(rows), 7)
    boxes[:, 0] = torch.arange(len(rows))
    scores, labels = (torch.tensor([row[i] for row in rows]) for i in (0, 1))
    return Detections(boxes, scores, labels.long())


def test_by_hand() -> None:
    """Logit 2 of a car becomes 2 / 0.5 - 1 = 3; a class without scaling keeps its score."""
    score = float(torch.tensor(2.0).sigmoid())
    found = calibrate_scores(scored((score, 0), (score, 1)), CAR, CLASSES)
    assert found.scores.tolist() == pytest.approx([0.952574, 0.880797], abs=1e-6)
    assert found.labels.tolist() == [0, 1]


def test_boxes_stay_by_falling_score_and_in_order_within_a_class() -> None:
    raw = scored((0.6, 0), (0.55, 1), (0.5, 0), (0.5, 0), (0.4, 1), (0.2, 0))
    found = calibrate_scores(raw, CAR, CLASSES)
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    assert found.boxes[found.labels == 0, 0].tolist() == [0, 2, 3, 5]
    assert found.boxes[found.labels == 1, 0].tolist() == [1, 4]
    assert found.labels[0] == 1  # the sure car is no longer the first


def test_certain_and_no_boxes() -> None:
    assert calibrate_scores(scored((1.0, 0), (0.0, 0)), CAR, CLASSES).scores.tolist() == [1, 0]
    assert len(calibrate_scores(Detections.empty(), CAR, CLASSES).scores) == 0
    raw = scored((0.5, 0))
    assert calibrate_scores(raw, None, CLASSES) is raw


def test_a_record_that_is_none_or_damaged() -> None:
    assert read_scaling({}, "here") is None
    damaged = {KEY: {"data": "", "classes": {"car": {"temperature": 0, "bias": 0}}}}
    with pytest.raises(ValueError, match=r"here \(score_calibration\): classes.car.temperature"):
        read_scaling(damaged, "here")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_a_predictor_gives_is_calibrated_and_what_a_teacher_decodes_is_not(
    tmp_path, precision
) -> None:
    path = save_eager_model(tmp_path)
    checkpoint = load_checkpoint(path)
    names = checkpoint.config.classes
    cloud = torch.rand(600, 4, generator=torch.Generator().manual_seed(0)) * 8
    plain = Predictor.from_checkpoint(path, "cpu", precision)(cloud)
    decode = make_decoder(checkpoint.config, torch.device("cpu"))
    with torch.no_grad():
        before = decode(copy.deepcopy(checkpoint.model)(make_batch([cloud], checkpoint.config)))
    content = {name: {"temperature": 0.25, "bias": -0.5} for name in names}
    add_to_record(path, {KEY: {"data": "dev", "classes": content}})
    predictor = Predictor.from_checkpoint(path, "cpu", precision)
    found = predictor(cloud)
    assert len(plain.scores) > 0
    torch.testing.assert_close(found.boxes, plain.boxes, rtol=0, atol=0)
    expected = (torch.logit(plain.scores.double()) * 4 - 0.5).sigmoid().float()
    torch.testing.assert_close(found.scores, expected)
    torch.testing.assert_close(
        predictor.infer_uncalibrated(cloud).detections.scores, plain.scores, rtol=0, atol=0
    )
    teacher = load_checkpoint(path)
    with torch.no_grad():
        after = decode(teacher.model(make_batch([cloud], teacher.config)))
    torch.testing.assert_close(after[0].scores, before[0].scores, rtol=0, atol=0)


@pytest.mark.parametrize("score", [0.0, 1e-7, 0.05, 0.3, 0.66, 0.999, 1.0])
def test_no_box_below_the_least_reaches_the_score(score) -> None:
    """Of all classes, calibrated or not; and it is no lower than it has to be."""
    classes = ("car", "pedestrian", "kite")
    scales = {"car": (0.25, -1.0), "pedestrian": (3.0, 2.0), "kite": (1.0, 0.0)}
    own = {name: {"temperature": scales[name][0], "bias": scales[name][1]} for name in classes[:2]}
    scaling = PlattScaling.model_validate({"data": "dev", "classes": own})
    least = least_uncalibrated(score, scaling, classes)
    for label in range(3):
        rows = torch.linspace(0, least, 1001)[:-1].tolist()  # all below
        found = calibrate_scores(scored(*((row, label) for row in rows)), scaling, classes)
        assert not (found.scores >= score).any() or score == 0
    if 0.01 < score < 1:
        logit = math.log(score / (1 - score))
        lowest = min((logit - bias) * temperature for temperature, bias in scales.values())
        assert least == pytest.approx(1 / (1 + math.exp(-lowest)), rel=1e-3)
    assert least_uncalibrated(score, None, classes) == max(score - 1e-6, 0)
