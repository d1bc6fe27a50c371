"""``python -m pd_ros.replay`` from end to end, on good input and on every kind of bad input."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin
from safetensors.torch import load_file, save_file
from small_recording import (
    STAMP,
    STEP_NS,
    a_car,
    cloud_message,
    cloud_points,
    drive,
    write_clouds,
)

from pd_ros.replay.__main__ import main

CLASSES = {"car", "pedestrian"}
REPORT_KEYS = {
    "model", "points", "frames", "frames_labelled", "boxes", "latency_ms", "clouds_per_s",
    "score_rule", "scores",
}  # fmt: skip


def replay(model: Path, points: Path, out: Path, *more: str) -> dict:
    """Run the command, check what every result must satisfy, return detections.json."""
    arguments = ["--model", str(model), "--points", str(points), "--out", str(out), *more]
    assert main([*arguments, "--device", "cpu"]) == 0
    found = json.loads((out / "detections.json").read_text())
    for frame in found.values():
        assert set(frame) == {"boxes", "scores", "labels"}
        assert len(frame["boxes"]) == len(frame["scores"]) == len(frame["labels"])
        assert all(len(box) == 7 and np.isfinite(box).all() for box in frame["boxes"])
        assert set(frame["labels"]) <= CLASSES
        assert all(0 <= score <= 1 for score in frame["scores"])
    assert set(report(out)) == REPORT_KEYS
    assert report(out)["frames"] == len(found)
    assert sum(report(out)["boxes"].values()) == sum(len(f["boxes"]) for f in found.values())
    return found


def report(out: Path) -> dict:
    return json.loads((out / "report.json").read_text())


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that has to fail; return its message, which is the last line."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    return err.strip().splitlines()[-1]


def write_bins(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True)
    for seed, name in enumerate(names):
        (folder / f"{name}.bin").write_bytes(cloud_points(seed=seed).tobytes())
    return folder


def test_folder_of_bin(model_path: Path, tmp_path: Path, capsys) -> None:
    folder = write_bins(tmp_path / "clouds", "000001", "000000")
    json_file = tmp_path / "deep" / "report.json"
    found = replay(model_path, folder, tmp_path / "out", "--json", str(json_file), "--picture")
    assert list(found) == ["000000", "000001"]
    assert all(frame["boxes"] for frame in found.values())
    assert json.loads(json_file.read_text()) == report(tmp_path / "out")
    assert report(tmp_path / "out")["score_rule"] is None
    assert report(tmp_path / "out")["latency_ms"].keys() == {"p50", "p95", "max"}
    assert report(tmp_path / "out")["clouds_per_s"] > 0
    assert (tmp_path / "out" / "birdseye.png").read_bytes().startswith(b"\x89PNG")
    assert "scores: none, no labels were found" in capsys.readouterr().out


def test_same_points_give_the_same_boxes_in_every_format(model_path: Path, tmp_path: Path) -> None:
    points = cloud_points()
    write_bins(tmp_path / "bin", "a")
    for kind in ("npz", "pcd"):
        (tmp_path / kind).mkdir()
    np.savez(tmp_path / "npz" / "a.npz", points=points)
    header = ("FIELDS x y z intensity\nSIZE 4 4 4 4\nTYPE F F F F\nWIDTH 300\nHEIGHT 1\n"
              "DATA binary\n")  # fmt: skip
    (tmp_path / "pcd" / "a.pcd").write_bytes(header.encode() + points.tobytes())
    recording = write_clouds(tmp_path / "drive", drive(1))
    found = [
        *(replay(model_path, tmp_path / kind, tmp_path / "out")["a"] for kind in ("bin", "npz")),
        replay(model_path, tmp_path / "pcd" / "a.pcd", tmp_path / "out")["a"],
        replay(model_path, recording, tmp_path / "out")[str(STAMP)],
    ]
    assert found[0]["boxes"]
    assert all(other == found[0] for other in found[1:])


def test_intensity_scale_is_a_factor(model_path: Path, tmp_path: Path) -> None:
    folder = write_bins(tmp_path / "clouds", "a")
    points = cloud_points()
    points[:, 3] *= 4  # exact in binary
    (tmp_path / "loud").mkdir()
    (tmp_path / "loud" / "a.bin").write_bytes(points.tobytes())
    expected = replay(model_path, folder, tmp_path / "out")
    assert replay(model_path, tmp_path / "loud", tmp_path / "out") != expected
    scaled = replay(model_path, tmp_path / "loud", tmp_path / "out", "--intensity-scale", "0.25")
    assert scaled == expected


def test_score_threshold(model_path: Path, tmp_path: Path) -> None:
    folder = write_bins(tmp_path / "clouds", "a")
    every = replay(model_path, folder, tmp_path / "out")["a"]["scores"]
    middle = (every[0] + every[1]) / 2
    few = replay(model_path, folder, tmp_path / "out", "--score-threshold", str(middle))
    assert few["a"]["scores"] == every[:1]


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize("labelled", [True, False])
def test_recording(model_path: Path, tmp_path: Path, storage: StoragePlugin, labelled) -> None:
    truth = [(STAMP, a_car()), (STAMP + 2 * STEP_NS, a_car())] if labelled else []
    path = write_clouds(tmp_path / "drive", drive(3), truth, storage=storage)
    found = replay(model_path, path, tmp_path / "out")
    assert list(found) == [str(STAMP + i * STEP_NS) for i in range(3)]
    row = report(tmp_path / "out")
    assert row["frames_labelled"] == (2 if labelled else 0)
    if labelled:
        assert row["score_rule"] == "lidar"
        assert row["scores"]["car"]["num_truth"] == 2
        replay(model_path, path, tmp_path / "out", "--no-labels")
    assert report(tmp_path / "out")["scores"] is None or labelled is False


@pytest.mark.parametrize(
    ("stamps", "names"),
    [
        # The second and third are named by the time of recording; that of the third is the
        # fourth's stamp, which then takes its own time.
        ([0, 0, None, 2], [0, 1, 2, 3]),
        # The time of recording is taken: the next free nanosecond.
        ([1, None], [1, 1 + 1 / STEP_NS]),
    ],
)
def test_stamps_that_are_missing_or_come_twice(model_path, tmp_path: Path, stamps, names) -> None:
    headers = [0 if step is None else STAMP + step * STEP_NS for step in stamps]
    messages = [cloud_message(header, cloud_points()) for header in headers]
    path = write_clouds(tmp_path / "drive", messages, [(0, a_car())])
    found = replay(model_path, path, tmp_path / "out")
    assert list(found) == [str(STAMP + round(step * STEP_NS)) for step in names]
    assert report(tmp_path / "out")["frames_labelled"] == 0  # stamp 0 is no cloud in particular


def test_clouds_without_points_are_answered(model_path: Path, tmp_path: Path) -> None:
    empty = [cloud_message(STAMP, cloud_points(0)), cloud_message(STAMP + 1, cloud_points(0),
             fields=[], point_step=0)]  # fmt: skip
    path = write_clouds(tmp_path / "drive", empty, [(STAMP, a_car())])
    assert list(replay(model_path, path, tmp_path / "out", "--picture")) == [
        str(STAMP), str(STAMP + 1)
    ]  # fmt: skip
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "a.bin").write_bytes(b"")
    assert list(replay(model_path, tmp_path / "bin", tmp_path / "out")) == ["a"]


def test_ros1_recording(model_path: Path, tmp_path: Path, data_dir: Path, capsys) -> None:
    (path,) = (data_dir / "recordings").glob("*.bag")
    found = replay(model_path, path, tmp_path / "out", "--topic", "/cloud_radar_track")
    assert 1 < len(found) < 200 and "" not in found
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


BAD_POINTS = {
    "nothing": (lambda p: p / "nowhere", "found nothing; correct the path"),
    "empty folder": (lambda p: p, "found neither; give the folder"),
    "other file": (lambda p: written(p / "a.txt", b"x"), "expected a recording (.mcap, .db3"),
    "cut bin": (lambda p: cut(written(p / "a.bin", bytes(1600))), "got 1500 bytes, 12 too many"),
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


def test_help_has_an_example_and_says_what_the_scale_does(capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0
    assert "python -m pd_ros.replay --model student.safetensors" in text
    assert "intensities are multiplied by it" in text
