"""Labels as people have them: brought into form, refused by name, or listed; by the commands."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from small_recording import STAMP, STEP_NS, STORE, a_car, drive, write_bins, write_clouds

from pd_ros.evaluate_recording.__main__ import main as evaluate
from pd_ros.recordings.bag import DETECTIONS, POINT_CLOUD, TRUTH_TOPIC
from pd_ros.recordings.detections import NamedBoxes, detection_array, read_detection_array
from pd_ros.replay.__main__ import main as replay

Change = Callable[[Any], None]


def labelled(path: Path, change: Change, count: int = 3) -> Path:
    """Clouds with a car in each; ``change`` is done to each message of labels."""
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        clouds = writer.add_connection("/points", POINT_CLOUD, typestore=STORE)
        boxes = writer.add_connection(TRUTH_TOPIC, DETECTIONS, typestore=STORE)
        for number, message in enumerate(drive(count)):
            stamp = STAMP + number * STEP_NS
            writer.write(clouds, stamp, STORE.serialize_cdr(message, POINT_CLOUD))
            array = detection_array(STORE, stamp, a_car(), "lidar")
            change(array)
            writer.write(boxes, stamp, STORE.serialize_cdr(array, DETECTIONS))
    return path


def turned(factor: float) -> Change:
    def change(array: Any) -> None:
        turn = array.detections[0].bbox.center.orientation
        turn.x, turn.y, turn.z, turn.w = (factor * v for v in (turn.x, turn.y, turn.z, turn.w))

    return change


def sized(**sides: float) -> Change:
    def change(array: Any) -> None:
        for side, value in sides.items():
            setattr(array.detections[0].bbox.size, side, value)

    return change


def named(*names: str) -> Change:
    """One label of each name in each cloud."""

    def change(array: Any) -> None:
        first = array.detections[0]
        for name in names:
            (array.detections[-1].results[0].hypothesis).class_id = name
            if name != names[-1]:
                copy = detection_array(STORE, STAMP, a_car(), "lidar").detections[0]
                copy.header = first.header
                array.detections.append(copy)

    return change


def scores(path: Path, model: Path, out: Path) -> dict[str, Any]:
    arguments = [path, "--model", model, "--out", out, "--score-threshold", 0]
    assert evaluate([str(part) for part in arguments]) == 0
    report = json.loads((out / "report.json").read_text())
    accuracy: dict[str, Any] = report["models"]["small"]["accuracy"]
    return accuracy


@pytest.mark.parametrize("factor", [-1.0, 0.5, 100.0, 1e-30, 1e200])
def test_quaternions_of_any_length_say_the_same(factor, model_path, tmp_path) -> None:
    plain = labelled(tmp_path / "plain", turned(1.0))
    other = labelled(tmp_path / "other", turned(factor))
    expected = scores(plain, model_path, tmp_path / "a")
    assert expected["loose"]["all"]["car"]["num_truth"] == 3
    assert scores(other, model_path, tmp_path / "b") == expected


def test_a_quaternion_is_brought_to_length_1_before_its_yaw_is_taken() -> None:
    array = detection_array(STORE, STAMP, a_car(), "lidar")
    turned(3.0)(array)
    assert read_detection_array(array).boxes[0, 6] == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (turned(0.0), "yaw nan (a quaternion of length 0 or NaN has no yaw)"),
        (turned(math.nan), "yaw nan"),
        (turned(math.inf), "yaw nan"),
        (sized(x=0.0), "length 0"),
        (sized(y=-1.0), "width -1"),
        (sized(z=math.nan), "height nan"),
    ],
    ids=["zero", "NaN", "infinite", "no length", "negative width", "height NaN"],
)
@pytest.mark.parametrize("command", [evaluate, replay])
def test_boxes_that_cannot_be_are_refused_by_name(
    change, message, command, model_path, tmp_path, capsys
) -> None:
    path = labelled(tmp_path / "drive", change)
    place = [str(path)] if command is evaluate else ["--points", str(path)]
    assert command([*place, "--model", str(model_path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert f"{path}: /ground_truth: stamp {STAMP}: box 0: expected a box of finite" in said
    assert message in said and "correct the label or take it out" in said
    assert not (tmp_path / "out" / "report.json").exists()


def test_a_teacher_measures_whatever_the_labels_are(model_path, tmp_path) -> None:
    path = labelled(tmp_path / "drive", turned(0.0))
    arguments = [path, "--model", model_path, "--teacher", model_path, "--out", tmp_path / "out"]
    assert evaluate([str(part) for part in arguments]) == 0


@pytest.mark.parametrize("kind", ["npz", "objects.json", "label_2"])
def test_flat_boxes_in_files_are_refused_by_name(kind, model_path, tmp_path, capsys) -> None:
    folder = tmp_path / "velodyne"
    write_bins(folder, "000")
    if kind == "npz":
        (folder / "000.bin").unlink()
        boxes = np.array([[4, 1, -1, 4, 0, 1.5, 0]], np.float32)
        np.savez(folder / "000.npz", points=np.zeros((5, 4), np.float32), boxes=boxes, cls=[0])
    elif kind == "objects.json":
        box = {"type": "Car", "box_xyz_lwh_yaw": [4, 1, -1, 4, 0, 1.5, 0]}
        (tmp_path / kind).write_text(json.dumps({"frames": {"000": {"objects": [box]}}}))
    else:
        for name in ("label_2", "calib"):
            (tmp_path / name).mkdir()
        (tmp_path / "label_2/000.txt").write_text("Car 0 0 0 5 5 9 60 1.5 0 4 2 1.7 10 0\n")
        (tmp_path / "calib/000.txt").write_text(
            "P2: 700 0 600 0 0 700 180 0 0 0 1 0\nR0_rect: 1 0 0 0 1 0 0 0 1\n"
            "Tr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0\n"
        )
    arguments = ["--points", folder, "--model", model_path, "--out", tmp_path / "out"]
    assert replay([str(part) for part in arguments]) == 2
    said = capsys.readouterr().err
    place = {"npz": "velodyne/000.npz: box 0", "label_2": "label_2/000.txt:1"}
    assert f"{tmp_path}/{place.get(kind, f'{kind}: frame 000, object 0')}: expected" in said
    assert "width 0" in said


def test_names_of_no_class_are_listed_with_their_counts(model_path, tmp_path, capsys) -> None:
    path = labelled(tmp_path / "drive", named("CAR", "0", "0", "Boat"))
    listed = "which are not asked for: '0' (6), 'Boat' (3)"
    row = scores(path, model_path, tmp_path / "out")
    assert row["loose"]["all"]["car"]["num_truth"] == 3
    assert listed in capsys.readouterr().out
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert content["labels_of_no_class"] == {"0": 6, "Boat": 3}
    arguments = ["--points", path, "--model", model_path, "--out", tmp_path / "replay"]
    assert replay([str(part) for part in arguments]) == 0
    assert listed in capsys.readouterr().out
    content = json.loads((tmp_path / "replay" / "report.json").read_text())
    assert content["labels_of_no_class"] == {"0": 6, "Boat": 3}


@pytest.mark.parametrize("command", [evaluate, replay])
def test_labels_by_which_nothing_can_be_measured_are_refused(
    command, model_path, tmp_path, capsys
) -> None:
    path = labelled(tmp_path / "drive", named("0", "1"))
    place = [str(path)] if command is evaluate else ["--points", str(path)]
    assert command([*place, "--model", str(model_path), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "labels: expected some of the model's classes, got none" in said
    assert "(car, pedestrian), which are not asked for: '0' (3), '1' (3)" in said


@pytest.mark.parametrize(("frame", "warned"), [("map", True), ("", False), ("/lidar", False)])
def test_labels_in_another_frame_than_their_clouds_are_remarked_on(
    frame, warned, model_path, tmp_path, caplog
) -> None:
    def change(array: Any) -> None:
        array.header.frame_id = frame

    scores(labelled(tmp_path / "drive", change), model_path, tmp_path / "out")
    text = "its labels are in the frame map, the cloud on /points is in lidar; their boxes"
    assert caplog.text.count(text) == int(warned)


def test_labels_without_names_only_ignore(model_path, tmp_path) -> None:
    nameless = NamedBoxes(a_car().boxes, ("",), np.ones(1, np.float32))
    path = write_clouds(tmp_path / "drive", drive(2), [(STAMP, nameless)])
    row = scores(path, model_path, tmp_path / "out")
    assert row["loose"]["all"]["car"]["num_truth"] == 0
