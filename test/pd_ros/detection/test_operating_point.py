"""Thresholds that a checkpoint brings along."""

import json
import re

import pytest
import torch
from small_model import save_eager_model
from small_run import write_run

from pd_ros.detection.checkpoint import add_to_record, load_checkpoint
from pd_ros.detection.operating_point import (
    FALLBACK,
    KEY,
    OperatingPoint,
    class_thresholds,
    read_operating_point,
)
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.score_calibration import KEY as SCALING_KEY
from pd_ros.detection.score_calibration import read_scaling
from pd_ros.evaluation.operating.expected_errors import KEY as ERRORS_KEY
from pd_ros.evaluation.operating.expected_errors import read_box_errors
from pd_ros.replay.labelled_detector import NamedDetector
from training.evaluate.__main__ import main as evaluate
from training.train import main as train

CAR = {"threshold": 0.62, "precision": 0.9, "recall": 0.8, "ghosts_per_frame": 0.5}


def test_thresholds_by_class() -> None:
    point = OperatingPoint.model_validate({"data": "dev", "classes": {"car": CAR}})
    assert class_thresholds(point, ("cyclist", "car")) == (FALLBACK, 0.62)
    assert class_thresholds(None, ("car",)) == (FALLBACK,)
    assert read_operating_point({}, "here") is None
    with pytest.raises(ValueError, match=r"here \(operating_point\): classes.car.threshold"):
        read_operating_point(
            {KEY: {"data": "", "classes": {"car": {**CAR, "threshold": 2}}}}, "here"
        )


def test_it_is_put_into_a_file_without_touching_its_weights(tmp_path) -> None:
    path = save_eager_model(tmp_path)
    before = load_checkpoint(path)
    name = before.config.classes[0]
    add_to_record(path, {KEY: {"data": "dev", "classes": {name: CAR}}})
    after = load_checkpoint(path)
    assert after.config == before.config
    assert {**after.training, KEY: None} == {**before.training, KEY: None}
    for one, other in zip(before.model.parameters(), after.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert Predictor.from_checkpoint(path, "cpu").thresholds[0] == 0.62


DAMAGED = {
    "operating_point": {KEY: {"data": "", "classes": {"car": {**CAR, "threshold": 2}}}},
    "training.cloud": {"cloud": {"sweeps": "many"}},
}


@pytest.mark.parametrize("record", DAMAGED)
def test_a_damaged_record_is_said_with_the_name_of_its_file(tmp_path, record) -> None:
    path = save_eager_model(tmp_path)
    add_to_record(path, DAMAGED[record])
    with pytest.raises(ValueError, match=rf"{re.escape(str(path))} \({record}\): "):
        NamedDetector("it", Predictor.from_checkpoint(path, "cpu"), ["car"])


def test_a_run_chooses_and_keeps_it_and_evaluation_replaces_it(tmp_path) -> None:
    frames = str(tmp_path / "frames")
    run = write_run(tmp_path, validation=[{"path": frames}])
    assert train(["--config", str(run)]) == 0
    path = tmp_path / "out/model.safetensors"
    point = read_operating_point(load_checkpoint(path).training, "run")
    assert point is not None and point.data == "frames"
    scaling = read_scaling(load_checkpoint(path).training, "run")
    assert scaling is not None and scaling.data == "frames"
    measured = read_box_errors(load_checkpoint(path).training, "run")
    assert measured is not None and measured.data == "frames"
    log = json.loads((tmp_path / "out/log.jsonl").read_text().splitlines()[-1])
    assert point.classes["car"].threshold == pytest.approx(log["frames/car/threshold"], abs=1e-3)
    assert "frames/car/ghosts_per_frame" in log and "frames/car/3d_0.7" in log
    shared = ["--model", str(path), "--data", frames, "--device", "cpu"]
    assert evaluate([*shared, "--threshold", "0.25", "--json", str(tmp_path / "a.json")]) == 0
    assert read_operating_point(load_checkpoint(path).training, "run") == point
    assert evaluate([*shared, "--threshold", "-1", "--json", str(tmp_path / "own.json")]) == 0
    own = json.loads((tmp_path / "own.json").read_text())["operating_point"]
    assert own["car"]["all"]["threshold"] == point.classes["car"].threshold
    pictures = tmp_path / "pictures"
    kept_with = ["--threshold", "0.25", "--keep-operating-point", "--pictures", str(pictures)]
    assert evaluate([*shared, *kept_with]) == 0
    assert {path.name for path in pictures.iterdir()} >= {"car.png"}
    kept = read_operating_point(load_checkpoint(path).training, "run")
    assert kept is not None and kept.classes["car"].threshold == 0.25
    assert {SCALING_KEY, ERRORS_KEY} <= load_checkpoint(path).training.keys()
    table = json.loads((tmp_path / "a.json").read_text())
    assert table["operating_point"]["car"]["all"]["threshold"] == 0.25
    assert {"strict", "loose", "reliability", "norm_gap"} <= table.keys()
