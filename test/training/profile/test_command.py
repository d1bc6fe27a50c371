"""The command, on small networks."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_model import SMALL, small_config

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.families import build_model
from training.profile.__main__ import main, published_networks


@pytest.fixture
def models(tmp_path):
    """A checkpoint, and a YAML that wants more of each point than the sweep has."""
    config = small_config()
    save_checkpoint(tmp_path / "one.safetensors", build_model(config), config, {})
    wanted = {**SMALL, "features": ["intensity", "elongation"]}
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(wanted))
    return [str(tmp_path / "one.safetensors"), str(tmp_path / "two.yaml")]


def test_the_command_writes_table_and_picture(tmp_path, models, capsys) -> None:
    np.ones((9, 4), np.float32).tofile(tmp_path / "sweep.bin")
    files = {name: tmp_path / f"cost.{name}" for name in ("json", "csv", "png")}
    arguments = ["--models", *models, "--sweep", str(tmp_path / "sweep.bin"), "--repeats", "2"]
    arguments += ["--json", str(files["json"]), "--csv", str(files["csv"])]
    assert main([*arguments, "--picture", str(files["png"]), "--device", "cpu"]) == 0
    one, two = json.loads(files["json"].read_text())
    assert (one["name"], two["name"]) == ("one", "two")
    assert one["parameters"] == sum(p.numel() for p in build_model(small_config()).parameters())
    assert one["points"] == 9
    assert 0 < one["latency_ms"] <= one["latency_p95_ms"]
    assert all(path.stat().st_size for path in files.values())
    assert "one" in capsys.readouterr().out


def test_a_sweep_is_simulated_where_none_is_given(models, caplog, monkeypatch) -> None:
    def no_time(path, points, *_):
        raise ValueError(f"{path} on {points.shape}")

    monkeypatch.setattr("training.profile.__main__.measure", no_time)
    assert main(["--models", models[0]]) == 2
    assert re.search(r"one\.safetensors on \(\d{5,6}, 4\)", caplog.text)


def test_all_published_networks_are_the_default() -> None:
    names = [path.stem for path in published_networks()]
    expected = {"point_pillars", "second_16x", "cp_voxel_xxs", "center_pillar_student"}
    assert expected | {"point_rcnn_8x"} <= set(names)
    assert {path.parent.resolve() for path in published_networks()} == {
        Path("config/model").resolve()
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (["--sweep", "no.bin"], "no.bin"),
        (["--models", "no.safetensors"], "no.safetensors"),
        (["--models", "no.yaml"], "no.yaml"),
        (["--repeats", "0"], "--repeats"),
        (["--device", "toaster"], "device: expected"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_before_anything_is_measured(
    models, caplog, monkeypatch, change, expected
) -> None:
    monkeypatch.setattr("training.profile.__main__.measure", lambda *_: pytest.fail("it measured"))
    assert main(["--models", *models, *change]) == 2
    assert expected in caplog.text
