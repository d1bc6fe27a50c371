"""Result files of KITTI that a replay writes, read again by the benchmark's rule."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pd_ros.evaluate import main as evaluate
from small_kitti import CALIBRATION, CAR, write_kitti
from small_recording import cloud_points, drive, write_bins, write_clouds

from pd_ros.detection.types import Detections
from pd_ros.evaluation.kitti.camera import kitti_objects, read_calibration
from pd_ros.evaluation.kitti.labels import read_detections
from pd_ros.replay.__main__ import main as replay
from pd_ros.replay.kitti_results import write_kitti_results

FRAMES = {"000001": CAR, "000002": CAR * 2, "000003": ""}


@pytest.fixture
def kitti(tmp_path: Path) -> Path:
    return write_kitti(tmp_path / "kitti", FRAMES, cloud_points(2000)) / "training"


def run(model: Path, points: Path, out: Path, *more: object) -> int:
    words = ["--model", model, "--points", points, "--out", out, "--kitti-results", out / "data"]
    return replay([str(word) for word in (*words, *more)])


def test_the_files_score_as_the_replay_did(kitti, model_path, tmp_path) -> None:
    out = tmp_path / "out"
    assert run(model_path, kitti, out) == 0
    assert sorted(path.stem for path in (out / "data").iterdir()) == list(FRAMES)
    words = ["--metric", "kitti", "--labels", kitti / "label_2", "--detections", out / "data"]
    assert evaluate([str(word) for word in (*words, "--json", out / "again.json")]) == 0
    report = json.loads((out / "report.json").read_text())
    again = json.loads((out / "again.json").read_text())
    assert report["score_rule"] == "kitti"
    for name, metrics in report["scores"].items():
        for metric, levels in metrics.items():
            for level, averages in levels.items():
                for average, values in averages.items():
                    other = again[name][metric][level][average]
                    assert values == pytest.approx(other, abs=1e-3)


def test_what_is_written_is_what_was_found(tmp_path) -> None:
    (tmp_path / "calib.txt").write_text(CALIBRATION)
    calibration = read_calibration(tmp_path / "calib.txt")
    boxes = torch.tensor([[10.3, -2, -1.05, 4, 1.6, 1.5, 0.3], [20, 1, 0, 0.8, 0.6, 1.8, -3]])
    scores, labels = torch.tensor([0.123456789, 1e-5]), torch.tensor([0, 1])
    found = Detections(boxes, scores, labels)
    behind = Detections(boxes * torch.tensor([-1.0, 1, 1, 1, 1, 1, 1]), scores, labels)
    frames, classes = {"a": found, "b": behind}, ("car", "lost child")
    write_kitti_results(tmp_path / "data", frames, classes, lambda _frame: calibration)
    read, expected = read_detections(tmp_path / "data/a.txt"), kitti_objects(
        found, classes, calibration
    )  # fmt: skip
    assert read.names == ("Car", "lost_child")
    for column in ("truncated", "occluded", "alpha", "image_boxes", "boxes"):
        np.testing.assert_allclose(getattr(read, column), getattr(expected, column), atol=2e-4)
    np.testing.assert_allclose(read.scores, scores, rtol=1e-7)
    assert (tmp_path / "data/b.txt").read_text() == ""
    car = (tmp_path / "data/a.txt").read_text().splitlines()[0].split()
    # In the camera's frame, by hand: 2 m right, its underside 1.7 m below, 10 m ahead.
    expected_words = [1.5, 1.6, 4, 2, 1.7, 10, -1.5708 - 0.3]
    assert [float(word) for word in car[8:15]] == pytest.approx(expected_words, abs=1e-4)


def test_the_testing_split_has_no_labels_and_needs_none(kitti, model_path, tmp_path) -> None:
    for path in (kitti / "label_2").iterdir():
        path.unlink()
    (kitti / "label_2").rmdir()
    assert run(model_path, kitti, tmp_path / "out") == 0
    assert len(list((tmp_path / "out" / "data").iterdir())) == 3


def test_without_calibration_it_is_said_before_the_work(
    kitti, model_path, tmp_path, capsys
) -> None:
    (kitti / "calib" / "000002.txt").unlink()
    bag, bins = write_clouds(tmp_path / "bag", drive(1)), write_bins(tmp_path / "bins" / "x", "a")
    for points, more, message in (
        (kitti, ["--no-labels"], "none for 1 of 3: 000002; add them"),
        (bins, [], "expected a calibration for each cloud (FRAME.txt)"),
        (bag, [], "expected a folder of KITTI's clouds"),
    ):
        assert run(model_path, points, tmp_path / "out", *more) == 2
        assert message in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
