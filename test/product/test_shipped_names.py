"""Checkpoints that come with pd_ros, by their names, in every command without ROS."""

import json
from pathlib import Path

import numpy as np
import pytest
from small_recording import cloud_points, drive, write_clouds

from pd_ros.detection.checkpoint import load_checkpoint, read_config
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.shipped import find_checkpoint, shipped_names
from pd_ros.evaluate_recording.__main__ import main as evaluate_recording
from pd_ros.inspect_cloud.inspection import inspect
from pd_ros.replay.__main__ import main as replay
from pd_ros.runtime.model_loading import CheckpointFile
from training.evaluate.__main__ import main as evaluate
from training.profile.__main__ import main as profile

WEIGHTS = Path(__file__).parents[2] / "pd_ros" / "weights"


def test_a_name_is_the_file_and_a_file_goes_first(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shipped_names() == sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))
    for name in shipped_names():
        assert find_checkpoint(name).samefile(WEIGHTS / f"{name}.safetensors")
    assert read_config(Path("sim_student")) == load_checkpoint(Path("sim_student")).config
    assert Predictor.from_checkpoint("sim_student", "cpu").config.name
    assert CheckpointFile("sim_student").state() == "unchanged"
    Path("sim_student").write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"sim_student: is not a whole \.safetensors file"):
        read_config(Path("sim_student"))


def test_other_names_are_no_checkpoint(tmp_path) -> None:
    for name in ("sim_studnt", "weights/sim_student", "sim_student.pth", ""):
        with pytest.raises(ValueError, match="no such checkpoint; give the path") as error:
            read_config(Path(name))
        assert "real_student, real_teacher, sim_student, sim_teacher" in str(error.value)


def test_every_command_takes_a_name(tmp_path, capsys) -> None:
    recording, sweeps = write_clouds(tmp_path / "drive", drive(1)), tmp_path / "sweeps"
    sweeps.mkdir()
    np.savez(
        sweeps / "a.npz", points=cloud_points(), cls=np.array([0]), num_points=np.array([9]),
        boxes=np.array([[4, 1, -1, 4, 2, 1.5, 0]]),
    )  # fmt: skip
    name, out = ["--model", "sim_student"], ["--out", str(tmp_path / "out")]
    assert replay([*name, *out, "--points", str(recording)]) == 0
    assert json.loads((tmp_path / "out/report.json").read_text())["model"] == "sim_student"
    assert evaluate_recording([str(recording), *name, *out, "--teacher", "sim_teacher"]) == 0
    assert "sim_student: 1 clouds" in capsys.readouterr().out
    assert inspect([str(recording), *name]) in (0, 1)
    assert evaluate([*name, "--data", str(sweeps)]) == 0
    assert profile(["--models", "sim_student", "--sweep", str(sweeps / "a.npz"), "--repeats", "1",
                    "--seconds", "0.01"]) == 0  # fmt: skip
