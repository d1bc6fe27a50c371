"""The offset of recorded clouds, given or measured, in the commands that detect in them."""

import json
from pathlib import Path

import numpy as np
import pytest
from small_recording import STAMP, cloud_message, write_clouds
from street import street

from pd_ros.detection.predictor import Predictor
from pd_ros.evaluate_recording.__main__ import main as evaluate_recording
from pd_ros.pointcloud.training_statistics import expected_clouds
from pd_ros.recordings.sources import open_source
from pd_ros.replay.__main__ import main as replay
from pd_ros.replay.z_offset import RaisedDetector, measure_source

HIGH_M = -2.43  # 0.7 m below the simulated sensor's ground


@pytest.fixture
def recording(tmp_path) -> Path:
    clouds = [cloud_message(STAMP + i, street(HIGH_M, seed=i)) for i in range(3)]
    return write_clouds(tmp_path / "bag", clouds)


def test_points_go_up_and_boxes_come_down(model_path) -> None:
    predictor = Predictor.from_checkpoint(model_path, "cpu")
    points = street(HIGH_M)
    before = points.copy()
    low = RaisedDetector(predictor, 0.5).infer(points).detections
    plain = predictor.infer(points + np.float32([0, 0, 0.5, 0])).detections
    np.testing.assert_array_equal(points, before)
    assert len(low.scores) > 0
    np.testing.assert_allclose(low.boxes[:, 2] + 0.5, plain.boxes[:, 2], atol=1e-5)


def test_it_is_measured_in_a_recording_and_in_files(recording, tmp_path) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for i in range(3):
        (files / f"{i}.bin").write_bytes(street(HIGH_M, seed=i).tobytes())
    for path in (recording, files):
        offset = measure_source(open_source(path, None, 1.0, None, False), expected_clouds({}))
        assert offset.clouds == 3
        assert offset.offset_m == pytest.approx(0.7, abs=0.03)


def test_replay_measures_and_says_it(recording, model_path, tmp_path, capsys) -> None:
    arguments = ["--model", str(model_path), "--points", str(recording), "--device", "cpu"]
    arguments += ["--score-threshold", "0"]
    assert replay([*arguments, "--out", str(tmp_path / "auto"), "--z-offset", "auto"]) == 0
    text = capsys.readouterr().out
    assert "note: --z-offset: 0.7" in text
    assert "ground height" not in text
    assert replay([*arguments, "--out", str(tmp_path / "0")]) == 0
    assert "set --z-offset to 0.7" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        replay([*arguments, "--out", str(tmp_path / "bad"), "--z-offset", "high"])
    assert "expected auto or a number of metres from -10 to 10" in capsys.readouterr().err


def test_evaluation_measures_it_for_each_recording(
    recording, model_path, tmp_path, capsys
) -> None:
    arguments = [str(recording), "--model", str(model_path), "--out", str(tmp_path / "out")]
    assert evaluate_recording([*arguments, "--device", "cpu", "--z-offset", "auto"]) == 0
    text = capsys.readouterr().out
    assert f"note: {recording}, for small: --z-offset: 0.7" in text
    assert "ground height" not in text
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert '"z_offset": "auto"' in json.dumps(report)
