import logging
import subprocess
import sys

import numpy as np
import pytest

from training.simulate.__main__ import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frames", "--count", "0"], "--count and --workers of at least 1, got 0 and 1"),
        (["frames", "--workers", "0"], "at least 1, got 100 and 0"),
        (["drive", "--seconds", "-1"], "expected a duration of at least one sweep, got -1.0 s"),
        (["picture", "--beside", "no/such.bin"], "no/such.bin"),
        (["drive", "--seconds", "nan"], "at least one sweep, got nan s"),
        (["drive", "--seed", "-1", "--seconds", "0.1"], "--seed: expected 0 or more, got -1"),
    ],
)
def test_bad_values_end_with_code_2_and_say_why(tmp_path, caplog, arguments, message) -> None:
    out = tmp_path / "out.mcap"
    assert main([*arguments, "--out", str(out), "--sensor", "vlp16"]) == 2
    assert message in caplog.records[-1].message
    assert caplog.records[-1].levelno == logging.ERROR
    assert not out.exists()


def test_a_recording_that_is_there_is_not_overwritten(tmp_path, caplog) -> None:
    out = tmp_path / "drive.mcap"
    out.touch()
    assert main(["drive", "--out", str(out), "--seconds", "0.1"]) == 2
    assert f"{out}: expected a new recording" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: verb"),
        (["film"], "invalid choice: 'film'"),
        (["frames"], "required: --out"),
        (["frames", "--out", "x", "--sensor", "sonar"], "invalid choice: 'sonar'"),
        (["frames", "--out", "x", "--count", "many"], "invalid int value: 'many'"),
    ],
)
def test_a_command_that_cannot_be_read_ends_with_code_2(capsys, arguments, message) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_a_drive_is_written(tmp_path) -> None:
    out = tmp_path / "drive.mcap"
    assert main(["drive", "--out", str(out), "--seconds", "0.2", "--sensor", "vlp16"]) == 0
    assert out.read_bytes()[:5] == b"\x89MCAP"


def test_a_picture_is_drawn_beside_a_real_sweep(tmp_path) -> None:
    real = tmp_path / "real.bin"
    rng = np.random.default_rng(0)
    rng.uniform(-40, 40, (500, 4)).astype(np.float32).tofile(real)
    out = tmp_path / "new" / "scene.png"
    arguments = ["picture", "--out", str(out), "--beside", str(real), "--sensor", "vlp16"]
    assert main(arguments) == 0
    assert out.read_bytes()[:4] == b"\x89PNG"


def test_help_shows_an_example() -> None:
    command = [sys.executable, "-m", "training.simulate", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "example: python -m training.simulate frames --out data/sim/train" in text
