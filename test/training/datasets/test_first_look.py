"""What is odd about the clouds of training data is said at the start, once."""

import logging

import numpy as np
import pytest
from small_model import save_eager_model
from small_run import write_frames, write_run

from training.evaluate.__main__ import main as evaluate
from training.train import main as train

BRIGHT = "0.99 quantile 128 (expected median 0.28, 0.99 quantile 0.55 to 0.68)"


def brighten(folder, factor: float) -> None:
    for path in folder.iterdir():
        content = dict(np.load(path))
        content["points"][:, 3] *= factor
        np.savez(path, **content)


@pytest.mark.parametrize("factor", [1, 255])
def test_intensities_of_another_scale_are_said_by_training_and_its_evaluation(
    factor, tmp_path, caplog, capsys
) -> None:
    write_frames(tmp_path / "frames")
    brighten(tmp_path / "frames", factor)
    run = write_run(tmp_path, schedule={"epochs": 1, "frames_per_epoch": 2, "batch_size": 2})
    with caplog.at_level(logging.WARNING):
        assert train(["--config", str(run)]) == 0
    said = [text for text in caplog.messages if "intensity: " in text]
    assert len(said) == int(factor == 255)
    assert all(text.startswith("warning: frames: intensity: median 128") for text in said)
    assert all("set input.intensity.scale to 0.00392" in text for text in said)

    arguments = ["--model", str(save_eager_model(tmp_path)), "--data", str(tmp_path / "frames")]
    assert evaluate([*arguments, "--limit", "2", "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    said = [line for line in lines if line.startswith("warning: frames: intensity: ")]
    assert len(said) == int(factor == 255)
    assert all(BRIGHT in line for line in said)


def test_a_few_missing_intensities_are_noted(tmp_path, capsys) -> None:
    write_frames(tmp_path / "frames", count=1)
    (path,) = (tmp_path / "frames").iterdir()
    content = dict(np.load(path))
    content["points"][::50, 3] = np.nan
    np.savez(path, **content)
    arguments = ["--model", str(save_eager_model(tmp_path)), "--data", str(tmp_path / "frames")]
    evaluate([*arguments, "--device", "cpu"])
    said = capsys.readouterr().out
    assert said.count("note: frames: intensity: ") == 1
    assert said.count("field intensity: 2.2% not finite, read as 0") == 1
