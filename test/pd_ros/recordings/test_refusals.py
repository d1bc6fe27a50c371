"""``python -m pd_ros.replay`` on every kind of bad input: one clear error, exit code 2."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from small_model import HOSTILE, write_hostile
from small_recording import (
    STAMP,
    STEP_NS,
    a_car,
    cloud_message,
    cloud_points,
    drive,
    write_bins,
    write_clouds,
)

from pd_ros.evaluate_recording.__main__ import main as evaluate_recording
from pd_ros.inspect_cloud.inspection import inspect
from pd_ros.replay.__main__ import main


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that has to fail; return its message, which is the last line."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err.strip().splitlines()[-1]


def test_several_topics_of_a_real_recording(
    model_path, tmp_path: Path, data_dir: Path, capsys
) -> None:
    (path,) = (data_dir / "recordings").glob("*.bag")
    message = refused(capsys, "--model", model_path, "--points", path, "--out", tmp_path)
    assert "/cloud_radar_track; choose one by --topic" in message


def test_rejected_cloud_is_named(model_path: Path, tmp_path: Path, capsys) -> None:
    short = cloud_message(STAMP + STEP_NS, cloud_points(), data=np.zeros(4799, np.uint8))
    path = write_clouds(tmp_path / "drive", [*drive(1), short])
    message = refused(capsys, "--model", model_path, "--points", path, "--out", tmp_path / "out")
    assert message == (
        f"pd_ros.replay: {path}: /points: stamp {STAMP + STEP_NS}: data: expected 4800 bytes for"
        " 1 x 300 points of 16 bytes, got 4799; the cloud was cut on its way, or its header is"
        " wrong"
    )
    assert not (tmp_path / "out" / "detections.json").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.unlink(), "no such checkpoint"),
        (lambda path: path.write_bytes(path.read_bytes()[:-99]), "is not a whole"),
        (lambda path: path.write_bytes(b""), "is not a whole"),
        (lambda path: save_file(load_file(path), path), "expected a pd_ros checkpoint"),
        (lambda path: save_file(load_file(path), path, {"format": "pd_ros", "version": "99"}),
         "update pd_ros"),
    ],
)  # fmt: skip
def test_bad_checkpoints(model_path: Path, tmp_path: Path, capsys, damage, message: str) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(model_path.read_bytes())
    damage(path)
    folder = write_bins(tmp_path / "clouds", "a")
    text = refused(capsys, "--model", path, "--points", folder, "--out", tmp_path / "out")
    assert text.startswith(f"pd_ros.replay: {path}: ") and message in text
    assert not (tmp_path / "out").exists()


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-100])
    return path


def written(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def npz(path: Path, points: np.ndarray) -> Path:
    np.savez(path, points=points)
    return path


def folder_like_a_file(path: Path) -> Path:
    written(path / "drive.mcap" / "drive.mcap", b"")
    return path / "drive.mcap"


BAD_POINTS = {
    "nothing": (lambda p: p / "nowhere", "found nothing; correct the path"),
    "empty folder": (lambda p: p, "found neither; give the folder"),
    "folder with a recording's name": (folder_like_a_file, "found neither; give the folder"),
    "other file": (lambda p: written(p / "a.txt", b"x"), "expected a recording (.mcap, .db3"),
    "cut bin": (lambda p: cut(written(p / "a.bin", bytes(1600))), "got 1500 bytes, 12 too many"),
    "complex npz": (lambda p: npz(p / "a.npz", np.zeros((5, 4), complex)),
                    "a.npz: expected a sweep (.npz with points, and cls where it has boxes):"
                    " points: expected numbers, got complex128"),
    "cut npz": (lambda p: written(p / "a.npz", b"PK\3\4"), "a.npz: expected a sweep"),
    "cut pcd": (lambda p: written(p / "a.pcd", b"FIELDS x\n"), "a.pcd: expected a PCD header"),
    "cut mcap": (lambda p: cut(write_clouds(p / "d", drive(2)) / "d.mcap"), "mcap recover"),
    "no clouds": (lambda p: write_clouds(p / "d", [], [(STAMP, a_car())]), "topic is empty"),
    "no topics": (lambda p: write_clouds(p / "d", [], topics=()), "the recording has no topics"),
    "two topics": (lambda p: write_clouds(p / "d", drive(1), topics=("/a", "/b")), "/a, /b;"),
    "labels without calib": (
        lambda p: (written(p / "label_2" / "a.txt", b""), written(p / "calib" / "b.txt", b""),
                   written(p / "velodyne" / "a.bin", bytes(16)))[0].parents[1],
        "calib/a.txt: expected a file for the cloud of this frame, found none; add it"),
    "cloud without label": (
        lambda p: (written(p / "label_2" / "b.txt", b""), written(p / "calib" / "a.txt", b""),
                   written(p / "velodyne" / "a.bin", bytes(16)))[0].parents[1],
        "label_2/a.txt: expected a file for the cloud of this frame, found none; add it"),
    "cloud without objects": (
        lambda p: (written(p / "objects.json", b'{"frames": {}}'),
                   written(p / "a.bin", bytes(16)))[0].parent,
        "objects.json: expected labels of frame a, found none"),
    "odd objects": (
        lambda p: (written(p / "objects.json", b'{"frames": {"a": {"objects": [{"type": "Car",'
                           b' "box_xyz_lwh_yaw": [1, 2]}]}}}'),
                   written(p / "a.bin", bytes(16)))[0].parent,
        "objects.json: expected frames with objects of type and box_xyz_lwh_yaw"),
    "objects too deep": (
        lambda p: (written(p / "objects.json", b"[" * 10**5), written(p / "a.bin", b""))[0].parent,
        "objects.json: expected frames"),
    "objects that are not JSON": (
        lambda p: (written(p / "objects.json", b"\xff{"), written(p / "a.bin", b""))[0].parent,
        "objects.json: expected frames"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_POINTS)
def test_bad_points(model_path: Path, tmp_path: Path, capsys, name: str) -> None:
    make, message = BAD_POINTS[name]
    path = make(tmp_path)
    text = refused(capsys, "--model", model_path, "--points", path, "--out", tmp_path / "out")
    assert text.startswith(f"pd_ros.replay: {tmp_path}") and message in text


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--topic", "/top"], "--topic: expected none for files"),
        (["--labels", "nowhere"], "--labels: nowhere: expected a folder with label_2 and calib"),
        (["--intensity-scale", "nan"], "--intensity-scale: expected 0 or more, got nan"),
        (["--intensity-scale", "-1"], "--intensity-scale: expected 0 or more, got -1.0"),
        (["--device", "warp"], "device: expected auto, cpu or cuda:N, got 'warp'"),
        (["--out", "FILE"], "--out: expected a folder"),
    ],
)
def test_bad_options(model_path: Path, tmp_path: Path, capsys, more, message: str) -> None:
    folder = write_bins(tmp_path / "clouds", "a")
    more = [str(folder / "a.bin") if word == "FILE" else word for word in more]
    text = refused(
        capsys, "--model", model_path, "--points", folder, "--out", tmp_path / "out", *more
    )
    assert text.startswith("pd_ros.replay: ") and message in text


def test_labels_and_unknown_topic_of_a_recording(model_path: Path, tmp_path: Path, capsys) -> None:
    path = write_clouds(tmp_path / "drive", drive(1))
    common = ("--model", model_path, "--points", path, "--out", tmp_path / "out")
    assert "whose labels are its topic /ground_truth" in refused(capsys, *common, "--labels", path)
    assert "choose /points by --topic" in refused(capsys, *common, "--topic", "/point")


def test_as_a_command(model_path: Path, tmp_path: Path) -> None:
    arguments = ["--model", model_path, "--points", tmp_path / "none", "--out", tmp_path / "out"]
    command = [sys.executable, "-m", "pd_ros.replay", *(str(word) for word in arguments)]
    bad = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == (
        f"pd_ros.replay: {tmp_path / 'none'}: expected a folder of clouds or a recording, found"
        " nothing; correct the path\n"
    )


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_checkpoints_are_refused_before_memory_is_taken(
    model_path, tmp_path, capsys, case
) -> None:
    config, message = HOSTILE[case]
    path = write_hostile(model_path, tmp_path / "hostile.safetensors", config)
    clouds, out = write_bins(tmp_path / "bins", "a"), tmp_path / "out"
    commands = {
        main: ["--model", path, "--points", clouds, "--out", out],
        evaluate_recording: [clouds, "--model", path, "--out", out],
        inspect: [clouds, "--model", path],
    }
    for command, arguments in commands.items():
        assert command([str(argument) for argument in arguments]) == 2
        error = capsys.readouterr().err
        assert f"{path}" in error
        assert message in error
        assert len(error) < 2000
        assert "Traceback" not in error
