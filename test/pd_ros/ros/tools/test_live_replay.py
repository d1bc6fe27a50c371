"""A short recording through the real node over real DDS, by the command."""

import json

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from PIL import Image
from small_bag import write_bag
from small_recording import write_clouds

from pd_ros.recordings.bag import open_recording
from pd_ros.ros.tools import live_replay
from pd_ros.ros.tools.live_replay import main
from pd_ros.runtime.comparison.exact_time_sync import header_stamp_ns
from training.simulate.drive import simulate_drive
from training.simulate.lidar.sensor_files import load_rig
from training.simulate.recording import write_recording


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    path = tmp_path_factory.mktemp("drive") / "drive.mcap"
    write_recording(path, simulate_drive(7, load_rig("vlp16"), 1.0))
    return path


def test_every_cloud_is_answered_scored_and_kept_twice(
    drive, checkpoint, tmp_path, capsys
) -> None:
    arguments = ["--recording", str(drive), "--model", str(checkpoint), "--out", str(tmp_path)]
    animation = tmp_path / "drive.webp"
    for _ in range(2):  # the second run replaces the files of the first
        assert main([*arguments, "--rate", "0.5", "--animation", str(animation)]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["clouds"] == {
        "sent": 10, "answered": 10, "dropped by the node": 0, "lost on the way": 0,
    }  # fmt: skip
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["max"]
    assert report["scores"]["car"]["num_truth"] > 0
    with open_recording(drive) as recording:
        stamps = {header_stamp_ns(raw.cdr) for raw in recording.raw_messages("/points")}
    found = json.loads((tmp_path / "detections.json").read_text())
    assert {int(frame) for frame in found} == stamps
    with open_recording(tmp_path / "detections") as recording:
        assert recording.count("/detections") == 10
    assert (tmp_path / "birdseye.png").stat().st_size > 10_000
    with Image.open(animation) as film:
        assert film.n_frames == 10
    assert 0 < report["node_listens_after_s"] < 60
    assert float(report["node"]["resident memory (MB)"]) > 50
    out = capsys.readouterr().out
    assert "clouds answered" in out and "node listens after (s)" in out
    lines = out.splitlines()
    assert f"picture: {tmp_path / 'birdseye.png'}" in lines
    assert f"animation: {animation}" in lines


def test_a_folder_of_clouds_is_played_as_a_recording(checkpoint, tmp_path, capsys) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    for number, sweep in enumerate(simulate_drive(7, load_rig("vlp16"), 0.3)):
        sweep.points.tofile(data / f"{number}.bin")
    assert main(["--recording", str(data), "--model", str(checkpoint), "--out", str(out)]) == 0
    assert json.loads((out / "report.json").read_text())["clouds"]["answered"] == 3
    assert (out / "birdseye.png").exists() and (out / "clouds.mcap").exists()
    assert "no ground truth" in capsys.readouterr().out


def test_a_teacher_runs_beside_it_and_is_compared(drive, checkpoint, tmp_path, capsys) -> None:
    arguments = ["--recording", str(drive), "--model", str(checkpoint), "--out", str(tmp_path)]
    beside = ["--teacher", str(checkpoint), "--every", "2", "--rate", "0.5"]
    assert main([*arguments, *beside]) == 0
    report = json.loads((tmp_path / "report.json").read_text())
    agreement = report["agreement"]
    assert report["clouds"]["answered"] > 0 < int(agreement["compared"]) <= 5
    assert agreement["failed"] == agreement["car, missed"] == agreement["car, extra"] == "0"
    assert "teacher: compared" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--recording": "/no/such.mcap"}, "/no/such.mcap"),
        ({"--model": "/no/such.safetensors"}, "no such checkpoint"),
        ({"--topic": "/cloud"}, "/cloud: expected a topic of sensor_msgs"),
        ({"--rate": "0"}, "--rate: expected more than 0"),
        ({"--animation": "drive.gif"}, "drive.gif: expected a name that ends in .webp"),
        ({"--teacher": "/no/such.safetensors"}, "/no/such.safetensors"),
        ({"--every": "0"}, "--every: expected at least 1"),
        ({"--device": "toaster"}, "node: ended with exit code 1"),
    ],
    ids=["recording", "model", "topic", "rate", "animation", "teacher", "every", "device"],
)
def test_bad_input_is_one_clear_line(change, message, drive, checkpoint, tmp_path, capsys) -> None:
    values = {"--recording": str(drive), "--model": str(checkpoint), "--out": str(tmp_path)}
    arguments = [part for pair in (values | change).items() for part in pair]
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["ROS 1", "empty", "cut"])
def test_what_cannot_be_played_is_said_before_a_node_starts(
    kind, checkpoint, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr(live_replay, "node_process", lambda *_: pytest.fail("a node starts"))
    if kind == "ROS 1":
        path, message = write_bag(tmp_path / "drive.bag"), "got one of ROS 1; convert it"
    else:
        path, message = write_clouds(tmp_path / "drive", []), "the topic is empty"
    if kind == "cut":
        (file,) = path.glob("*.mcap")
        file.write_bytes(file.read_bytes()[:-40])
        message = "expected a whole recording"
    options = {"--recording": path, "--model": checkpoint, "--out": tmp_path / "out"}
    assert main([str(part) for pair in options.items() for part in pair]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
