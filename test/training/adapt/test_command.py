"""The whole adaptation, as small as it can be: a sensor of eight beams and tiny networks."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_model import save_eager_model
from small_recording import drive, write_clouds

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.operating_point import KEY as POINT_KEY
from pd_ros.detection.predictor import Predictor
from pd_ros.runtime.parameters.specs import CLASS_MAP, SPECS
from training.adapt import request
from training.adapt.__main__ import main

SENSOR = {
    "title": "Eight beams",
    "scan": {
        "kind": "spinning",
        "elevations_deg": [{"first": -20.0, "last": 2.0, "beams": 8}],
        "firings_per_turn": 180,
    },
    "range_m": [0.5, 60.0],
    "range_noise_m": 0.02,
}


@pytest.fixture
def options(tmp_path, monkeypatch) -> list[str]:
    """Options of an adaptation that takes seconds."""
    monkeypatch.setattr(request, "_LEAST_FRAMES", 8)
    monkeypatch.setattr(request, "_LEAST_HELD_BACK", 2)
    monkeypatch.setattr(request, "_LEAST_STEPS", 8)
    (tmp_path / "eight.yaml").write_text(yaml.safe_dump(SENSOR))
    network = str(save_eager_model(tmp_path))
    return [
        "--sensor", str(tmp_path / "eight.yaml"), "--teacher-sensor", str(tmp_path / "eight.yaml"),
        "--base", network, "--teacher", network, "--height", "1.1", "--minutes", "0.01",
        "--workers", "1", "--out", str(tmp_path / "mine.safetensors"),
    ]  # fmt: skip


def test_from_a_sensor_to_a_student_for_the_node(tmp_path, options, capsys) -> None:
    bag = write_clouds(tmp_path / "drive", drive(4))
    asked = [*options, "--bag", str(bag), "--classes", "car"]
    assert main(asked) == 0
    out = capsys.readouterr().out
    assert re.search(r"car +all +as shipped", out) and re.search(r"car +all +adapted", out)

    checkpoint = load_checkpoint(tmp_path / "mine.safetensors")
    assert POINT_KEY in checkpoint.training
    assert checkpoint.training["run"]["distill"]["unlabelled"] is not None
    assert Predictor.from_checkpoint(tmp_path / "mine.safetensors")(np.zeros((0, 4), np.float32))

    parameters = yaml.safe_load((tmp_path / "mine/node.yaml").read_text())
    values = parameters["/**/lidar_detector"]["ros__parameters"]
    assert values["input.z_offset"] == pytest.approx(1.1 - 1.73)
    assert values["model.checkpoint"] == str(tmp_path / "mine.safetensors")
    assert values["postprocess.class_map.pedestrian"] == "drop"
    known = {spec.name for spec in SPECS} | {f"{CLASS_MAP}pedestrian"}
    assert set(values) <= known

    page = (tmp_path / "mine/report.html").read_text()
    assert "Your own clouds" in page and page.count("<img ") >= 4
    assert "Eight beams" in page and "1.1 m above the ground" in page
    assert_goes_on(asked, tmp_path)


def assert_goes_on(asked: list[str], folder: Path) -> None:
    """The same command makes nothing twice; another one is refused."""
    scene = folder / "mine/sim/train/000000.npz"
    before = scene.stat().st_mtime_ns
    assert main(asked) == 0
    assert scene.stat().st_mtime_ns == before
    assert main([*asked, "--height", "1.3"]) == 2


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (["--sensor", "vlp61"], "did you mean vlp16"),
        (["--out", "mine.pt"], "ends in .safetensors"),
        (["--classes", "tram"], "knows car, pedestrian, got tram"),
        (["--height", "0"], "height_m"),
        (["--bag", "absent.mcap"], "found nothing"),
        (["--workers", "0"], "--workers"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(tmp_path, options, changes, expected, caplog):
    assert main([*options, *changes]) == 2
    assert expected in caplog.text
    assert not (tmp_path / "mine").exists()
