import logging
import subprocess
import sys

import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from pd_ros.recordings.typestore import jazzy_typestore
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sensor", "vlp-16"], "unknown sensor 'vlp-16': did you mean vlp16?"),
        (["--sensor", "no/such.yaml"], "no/such.yaml: cannot be read"),
        (["--height", "0.1"], "expected a height of 0.2 to 6 m above the ground, got 0.10"),
        (["--height", "1", "2", "3"], "--height: expected one value, or the ends of a range"),
        (["--height", "2", "1"], "height_m: expected the lower end first, got 2, 1"),
        (["--pitch", "50"], "pitch_deg.0: Input should be less than or equal to 30"),
        (["--rate", "0"], "--rate: expected a rate over 0 and up to 100 Hz, got 0"),
    ],
)
def test_sensors_and_mountings_that_cannot_be_are_refused(
    tmp_path, caplog, arguments, message
) -> None:
    out = tmp_path / "scene.png"
    assert main(["picture", "--out", str(out), *arguments]) == 2
    assert message in caplog.records[-1].message
    assert not out.exists()


def test_a_mixture_and_a_sensor_are_refused(tmp_path, caplog) -> None:
    mixture = tmp_path / "mixture.yaml"
    mixture.write_text("parts: [{sensor: vlp16, share: 1}]\n")
    arguments = ["frames", "--mixture", str(mixture), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--height", "0.8"]) == 2
    assert "expected sensors and mountings in the file alone" in caplog.text


def test_a_mixture_is_written_by_the_command(tmp_path) -> None:
    mixture = tmp_path / "mixture.yaml"
    mixture.write_text("parts: [{sensor: vlp16, share: 1, height_m: [0.5, 1.0]}]\n")
    out = tmp_path / "out"
    assert main(["frames", "--mixture", str(mixture), "--out", str(out), "--count", "1"]) == 0
    with np.load(out / "000000.npz") as file:
        assert len(file["points"]) > 5_000


def test_a_drive_of_a_low_sensor_at_its_own_rate_is_written(tmp_path) -> None:
    out = tmp_path / "drive.mcap"
    options = ["--sensor", "mid360", "--height", "0.6", "--rate", "20", "--seconds", "0.1"]
    assert main(["drive", "--out", str(out), *options]) == 0
    with AnyReader([out], default_typestore=jazzy_typestore()) as reader:
        stamps = [
            stamp for connection, stamp, _ in reader.messages() if "points" in connection.topic
        ]
    assert np.diff(stamps).tolist() == [50_000_000]
