"""The command on a small network and made-up sweeps."""

import json

import numpy as np
import pytest
import yaml
from small_model import SMALL

from training.benchmark.step_speed import main


def test_steps_of_every_way_are_timed(tmp_path, capsys) -> None:
    network = {
        **SMALL,
        "capacity": {"max_points_per_pillar": 2},
        "classes": ["vehicle", "pedestrian", "cyclist"],
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(network))
    data = tmp_path / "data"
    data.mkdir()
    points = np.random.default_rng(0).uniform(-7, 7, (200, 4)).astype(np.float32)
    box = np.array([[2, 1, -1, 4, 2, 1.5, 0.3]], np.float32)
    arrays = {"points": points, "boxes": box, "cls": np.array([0], np.int8)}
    np.savez(data / "0.npz", **arrays, num_points=np.array([9], np.int32))
    report = tmp_path / "steps.json"
    code = main([
        "--model", str(tmp_path / "small.yaml"), "--data", str(data), "--steps", "2",
        "--workers", "0", "--json", str(report),
    ])  # fmt: skip
    assert code == 0
    (result,) = json.loads(report.read_text())["results"]
    assert result["fp32_ms"] > 0 < result["bf16_ms"]
    middle, low, high = result["bf16_faster"]
    assert low <= middle <= high
    assert middle == pytest.approx(result["plain_ms"] / result["bf16_ms"])
    assert 0 < result["waiting_share"] < 1
    assert "small" in capsys.readouterr().out


def test_what_is_wrong_is_said(caplog, tmp_path) -> None:
    assert main(["--model", "nothing", "--data", str(tmp_path)]) == 2
    assert "point_pillars" in caplog.text
    assert main(["--model", "point_pillars", "--data", str(tmp_path), "--steps", "0"]) == 2
    assert "--steps" in caplog.text
