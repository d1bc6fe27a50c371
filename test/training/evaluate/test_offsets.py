"""Sweeps raised as the node would raise them, and a record of their clouds for the checkpoint."""

from pathlib import Path

import numpy as np
import pytest
from small_model import save_eager_model
from street import street

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.pointcloud.training_statistics import expected_clouds
from training.evaluate.__main__ import main as evaluate


@pytest.fixture
def streets(tmp_path) -> Path:
    """Four sweeps of a sensor 0.7 m higher than the simulated one."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for i in range(4):
        box = np.float32([[5, 2, -1.4, 4, 2, 1.6, 0]])
        np.savez(
            folder / f"{i}.npz",
            points=street(-2.43, seed=i), boxes=box, cls=np.int8([0]), num_points=np.int32([9]),
        )  # fmt: skip
    return folder


def test_sweeps_are_raised_to_where_the_training_was(streets, tmp_path, capsys) -> None:
    arguments = ["--model", str(save_eager_model(tmp_path)), "--data", str(streets)]
    arguments += ["--device", "cpu"]
    assert evaluate(arguments) == 0
    assert "set --z-offset to 0.7" in capsys.readouterr().out
    for given in ("0.7", "auto"):
        assert evaluate([*arguments, "--z-offset", given]) == 0
        text = capsys.readouterr().out
        assert "ground height" not in text
        assert ("--z-offset auto: 0.7" in text) == (given == "auto")


def test_a_checkpoint_may_be_given_the_record_of_its_clouds(streets, tmp_path, capsys) -> None:
    model = save_eager_model(tmp_path)
    assert not expected_clouds(load_checkpoint(model).training).recorded
    arguments = ["--model", str(model), "--data", str(streets), "--device", "cpu"]
    assert evaluate([*arguments, "--keep-clouds"]) == 0
    expected = expected_clouds(load_checkpoint(model).training)
    assert expected.recorded
    assert expected.record.sweeps == 4
    assert expected.ground_m == pytest.approx(-2.43, abs=0.03)
    assert expected.record.beams is not None
    capsys.readouterr()
    assert evaluate(arguments) == 0
    assert "ground height" not in capsys.readouterr().out
