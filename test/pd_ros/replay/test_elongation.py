"""Models that want elongation, as Waymo's do: read where a cloud has it, else 0 and said."""

import json

import numpy as np
import pytest
import torch
from default_settings import default_comparison, default_settings, default_startup
from small_model import small_config
from small_recording import STAMP, STEP_NS, STORE, cloud_message, cloud_points, drive, write_clouds

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.families import build_model
from pd_ros.detection.predictor import Predictor
from pd_ros.evaluate_recording import __main__ as evaluate_recording
from pd_ros.pointcloud.cdr import CloudHeader, CloudMessage, Stamp
from pd_ros.pointcloud.layout import cloud_layout
from pd_ros.recordings.detections import NamedBoxes, detection_array
from pd_ros.replay.__main__ import main
from pd_ros.runtime.comparison.engine import ComparisonEngine
from pd_ros.runtime.model_loading import load_detector
from pd_ros.runtime.pipeline import DetectionPipeline
from pd_ros.runtime.statistics import Statistics


@pytest.fixture(scope="module")
def waymo_model(tmp_path_factory):
    """Untrained, and sensitive to the elongation."""
    torch.manual_seed(0)
    features = ["elongation", "intensity"]
    decode = {"score_threshold": 0.0, "max_detections": 5}
    config = small_config(features=features, decode=decode)
    model = build_model(config)
    torch.nn.init.normal_(model.dense.head.heatmap[-1].weight)
    with torch.no_grad():
        model.encoder.layers[0].linear.weight[:, 3] *= 20
    path = tmp_path_factory.mktemp("waymo") / "waymo.safetensors"
    save_checkpoint(path, model, config, {})
    return path


def elongation(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, 300).astype(np.float32)


def with_elongation(seed: int, **changes):
    """A cloud with two fields more than the usual ones, one of no meaning."""
    points = np.column_stack((cloud_points(seed=seed), np.ones(300), elongation(seed)))
    field = STORE.types["sensor_msgs/msg/PointField"]
    names = ("x", "y", "z", "intensity", "ring", "Elongation")
    fields = [field(name, 4 * i, 7, 1) for i, name in enumerate(names)]
    return cloud_message(
        STAMP + seed * STEP_NS, points, fields=fields, point_step=24, row_step=24 * 300, **changes
    )


def expected(path, seed: int, told: bool, precision: str = "auto"):
    """What the model says itself: x, y, z, elongation, intensity."""
    points = cloud_points(seed=seed)
    column = elongation(seed) if told else np.zeros(300, np.float32)
    predictor = Predictor.from_checkpoint(path, "cpu", precision)
    return predictor(np.column_stack((points[:, :3], column, points[:, 3])).astype(np.float32))


@pytest.mark.parametrize("told", [True, False], ids=["with", "without"])
def test_replay_of_a_recording(waymo_model, told, tmp_path, caplog) -> None:
    clouds = [with_elongation(i) for i in range(2)] if told else drive(2)
    recording = write_clouds(tmp_path / "drive", clouds)
    arguments = ["--model", str(waymo_model), "--points", str(recording), "--device", "cpu"]
    assert main([*arguments, "--out", str(tmp_path / "out"), "--score-threshold", "0"]) == 0
    assert ("no field elongation" in caplog.text) != told
    found = json.loads((tmp_path / "out" / "detections.json").read_text())
    for seed in range(2):
        boxes = found[str(STAMP + seed * STEP_NS)]["boxes"]
        np.testing.assert_allclose(boxes, expected(waymo_model, seed, told).boxes, atol=2e-3)
    with_it, without = (expected(waymo_model, 0, told).boxes for told in (True, False))
    assert (with_it - without).abs().max() > 0.1  # the elongation does say something


def test_replay_of_files(waymo_model, tmp_path, caplog) -> None:
    folder = tmp_path / "clouds"
    folder.mkdir()
    (folder / "000000.bin").write_bytes(cloud_points().tobytes())
    arguments = ["--model", str(waymo_model), "--points", str(folder), "--device", "cpu"]
    assert main([*arguments, "--out", str(tmp_path / "out"), "--score-threshold", "0"]) == 0
    assert "no field elongation" in caplog.text
    found = json.loads((tmp_path / "out" / "detections.json").read_text())["000000"]["boxes"]
    np.testing.assert_allclose(found, expected(waymo_model, 0, told=False).boxes, atol=2e-3)


def test_beside_a_model_that_wants_none(waymo_model, model_path, tmp_path) -> None:
    """As teacher it agrees with itself; the view keeps clouds of x, y, z, intensity."""
    recording = write_clouds(tmp_path / "drive", [with_elongation(i) for i in range(2)])
    out = tmp_path / "out"
    arguments = [recording, "--teacher", waymo_model, "--out", out, "--device", "cpu"]
    models = ["--model", waymo_model, "--model", model_path, "--score-threshold", 0.01]
    assert evaluate_recording.main([str(part) for part in (*arguments, *models)]) == 0
    report = json.loads((out / "report.json").read_text())
    cars = report["models"]["waymo"]["accuracy"]["agreement"]
    everything = [classes["all"] for classes in cars.values()]
    assert sum(sums["matched"] for sums in everything) > 0
    assert sum(sums["missed"] + sums["extra"] for sums in everything) == 0


def test_the_comparison_reads_it(waymo_model) -> None:
    engine = ComparisonEngine(default_comparison(waymo_model, score_threshold=0.01))
    wanted = expected(waymo_model, 0, told=True)
    names = tuple(("car", "pedestrian")[label] for label in wanted.labels.tolist())
    student = NamedBoxes(wanted.boxes.numpy(), names, wanted.scores.numpy())
    answer = detection_array(STORE, STAMP, student, "lidar")
    comparison = engine.compare(with_elongation(0), answer)
    assert len(comparison.pairs.found) == len(names)
    assert len(comparison.pairs.missed) == len(comparison.pairs.extra) == 0


@pytest.mark.parametrize("told", [True, False], ids=["with", "without"])
def test_the_node_reads_it(waymo_model, told) -> None:
    startup, said = default_startup(waymo_model, precision="fp32"), []
    detector = DetectionPipeline(
        load_detector(startup), startup, None, Statistics(), lambda event, text: said.append(text)
    )
    message = with_elongation(0) if told else drive(1)[0]
    header = CloudHeader(Stamp(3, 0), "lidar")
    cloud = CloudMessage(header, cloud_layout(message), bytes(message.data))
    settings = default_settings(score_thresholds=((0.0,), (0.0,)))
    found = detector(cloud, settings).detections
    wanted = expected(waymo_model, 0, told, "fp32")
    torch.testing.assert_close(found.boxes, wanted.boxes, atol=2e-3, rtol=0)
    assert any("no field elongation" in text for text in said) != told
