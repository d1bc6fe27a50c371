"""``python -m pd_ros.evaluate`` from end to end."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pd_ros.evaluate import main
from small_nuscenes import vehicle, write_nuscenes

LINE = "Car 0 0 -1.5 10 20 100 145 1.5 1.6 4.0 2 1.7 {} -1.5708"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two frames of a car each; the first is found, in the second something else is."""
    labels, detections = tmp_path / "label_2", tmp_path / "results"
    for folder in (labels, detections):
        folder.mkdir()
    for name, place in (("0", 10), ("1", 30)):
        (labels / f"{name}.txt").write_text(LINE.format(10) + "\n")
        (detections / f"{name}.txt").write_text(f"{LINE.format(place)} 0.9\n")
    return labels, detections


def run(labels: Path, detections: Path, *more: object) -> int:
    words = ["--metric", "kitti", "--labels", labels, "--detections", detections, *more]
    return main([str(word) for word in words])


@pytest.mark.parametrize("name", ["synth_small", "mmdet3d_unit"])
def test_reference_sets(data_dir: Path, tmp_path: Path, capsys, name: str) -> None:
    folder, out = data_dir / "reference" / "kitti" / name, tmp_path / "new" / "scores.json"
    picture = tmp_path / "pictures" / "curves.png"
    assert run(folder / "label_2", folder / "det", "--json", out, "--picture", picture) == 0
    expected = json.loads((folder / "expected.json").read_text())["references"]["kitti_cpp_boost"]
    scores = json.loads(out.read_text())
    compared = 0
    for class_name, metrics in expected.items():
        for metric, levels in metrics.items():
            for level, averages in levels.items():
                for average, values in averages.items():
                    if values is None or None in values:
                        continue
                    got = scores[class_name][metric][level][average]
                    np.testing.assert_allclose(got, values, atol=0.01)
                    compared += 1
    assert compared >= 24
    table = capsys.readouterr().out
    moderate = scores["Car"]["3d"]["strict"]["R40"][1]
    (row,) = (line for line in table.splitlines() if line.startswith("Car         3d     strict"))
    assert f"{moderate:.2f}" in row.split()
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 20_000


def test_two_frames_by_hand(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert run(*folders, "--json", tmp_path / "scores.json") == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert set(scores) == {"Car", "Pedestrian", "Cyclist"}
    # Both image boxes match: 1 of 40 slots. In 3D one of two does, the other is wrong: slot 0.
    assert scores["Car"]["bbox"]["strict"]["R40"] == pytest.approx([2.5] * 3)
    assert scores["Car"]["3d"]["strict"]["R40"] == [0, 0, 0]
    assert scores["Car"]["3d"]["strict"]["R11"] == pytest.approx([100 * 0.5 / 11] * 3)
    assert scores["Cyclist"]["bev"]["loose"]["R40"] == [0, 0, 0]


def test_nothing_found_is_zero_and_no_error(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for path in folders[1].iterdir():
        path.write_text("")
    assert run(*folders, "--json", tmp_path / "s.json", "--picture", tmp_path / "c.png") == 0
    scores = json.loads((tmp_path / "s.json").read_text())
    assert scores["Car"]["3d"]["strict"] == {"R40": [0, 0, 0], "R11": [0, 0, 0]}


def test_files_without_image_boxes_are_refused_with_the_way_out(
    folders: tuple[Path, Path], capsys
) -> None:
    labels, found = folders
    for folder, what in zip(folders, ("labels", "detections"), strict=True):
        kept = {path: path.read_text() for path in folder.iterdir()}
        for box in ("0 0 0 0", "-1 -1 -1 -1"):
            for path, text in kept.items():
                path.write_text(text.replace("10 20 100 145", box))
            assert run(labels, found) == 2
            said = capsys.readouterr().err
            assert f"{what}: expected image boxes" in said and "none in 2 of 2" in said
            assert "python -m pd_ros.evaluate_recording" in said
        for path, text in list(kept.items())[1:]:
            path.write_text(text)
        assert run(labels, found) == 0
        assert f"1 {what} have no image box" in capsys.readouterr().out
        for path, text in kept.items():
            path.write_text(text)
    assert run(labels, found) == 0
    assert "image box" not in capsys.readouterr().out


def test_the_table_says_what_so_few_objects_can_reach(folders, capsys) -> None:
    assert run(*folders) == 0
    said = "Car: 2 easy, 2 moderate, 2 hard objects count; fewer than 41 cannot reach 100: R40 at"
    assert f"{said} most 2.5, 2.5, 2.5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda labels, found: (found / "1.txt").unlink(),
         "expected a result file for each of 2 label files, got none for 1: 1.txt; write"),
        (lambda labels, found: [path.unlink() for path in found.iterdir()],
         "expected result files (*.txt), found none; give the folder"),
        (lambda labels, found: labels.rename(labels.with_name("other")),
         "expected a folder of label files, found no such folder; correct the path"),
        (lambda labels, found: (found / "0.txt").write_text(LINE.format(10)),
         "0.txt:1: expected 16 columns (a label's 15 columns and the score), got 15"),
        (lambda labels, found: (labels / "1.txt").write_bytes(b"\x89PNG\r\n\xff\xfe"),
         "1.txt:1: expected 15 columns"),
    ],
)  # fmt: skip
def test_bad_folders(folders: tuple[Path, Path], tmp_path, capsys, damage, message: str) -> None:
    damage(*folders)
    assert run(*folders, "--json", tmp_path / "scores.json") == 2
    out, err = capsys.readouterr()
    last = err.strip().splitlines()[-1]
    assert out == "" and "Traceback" not in err
    assert last.startswith(f"pd_ros.evaluate: {tmp_path}") and message in last
    assert not (tmp_path / "scores.json").exists()


@pytest.fixture
def samples(tmp_path: Path) -> tuple[Path, Path]:
    """A sample with two cars for nuScenes, of which one is found."""
    car = {
        "translation": [8, 0, 0], "size": [2, 4, 1.5], "rotation": [1, 0, 0, 0], "num_pts": 9,
        "velocity": [0, 0], "ego_translation": [8, 0, 0], "detection_name": "car",
        "attribute_name": "vehicle.parked",
    }  # fmt: skip
    truth, found = tmp_path / "truth.json", tmp_path / "found.json"
    truth.write_text(json.dumps({"a": [car, {**car, "translation": [20, 0, 0]}], "b": []}))
    found.write_text(json.dumps({"results": {"a": [{**car, "detection_score": 0.9}], "b": []}}))
    return truth, found


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A frame with a vehicle for Waymo, found from behind."""
    box, path = [8, 0, 0, 4, 2, 1.5], tmp_path / "frames.json"
    gt = {"type": "VEHICLE", "box": [*box, 0], "difficulty": 0, "num_points": 5}
    pd = {"type": "VEHICLE", "box": [*box, 1.5707963], "score": 0.9, "overlap_nlz": False}
    pd["box"][3:5] = [2, 4]  # type: ignore[index]
    path.write_text(json.dumps({"frames": [{"gt": [gt], "pd": [pd]}]}))
    return path


def run_nuscenes(truth: Path, found: Path, *more: object) -> int:
    words = ["--metric", "nuscenes", "--ground-truth", truth, "--detections", found, *more]
    return main([str(word) for word in words])


def run_waymo(frames: Path, *more: object) -> int:
    return main([str(word) for word in ("--metric", "waymo", "--frames", frames, *more)])


def test_nuscenes_results_as_handed_in_find_the_vehicle_in_the_tables(
    tmp_path: Path, capsys
) -> None:
    """Two cars found; one is 55 m from the vehicle, farther than cars are asked for."""
    place, _ = vehicle(11)
    car = {
        "sample_token": "key", "size": [2, 4, 1.5], "rotation": [1, 0, 0, 0], "num_pts": 9,
        "velocity": [0, 0], "detection_name": "car", "attribute_name": "vehicle.parked",
        "detection_score": 0.9,
    }  # fmt: skip
    cars = [{**car, "translation": [place[0] + away, place[1], 1.0]} for away in (8, 30, 55)]
    truth, found = tmp_path / "truth.json", tmp_path / "found.json"
    truth.write_text(json.dumps({"key": cars}))
    found.write_text(json.dumps({"meta": {"use_lidar": True}, "results": {"key": cars[:1]}}))
    assert run_nuscenes(truth, found) == 2
    said = capsys.readouterr().err
    assert f"{truth}: key: expected boxes with ego_translation, or the data set's tables" in said
    data = write_nuscenes(tmp_path / "nuscenes")
    for tables in (data, data / "v1.0-mini"):
        assert run_nuscenes(truth, found, "--tables", tables, "--json", tmp_path / "s.json") == 0
        table = capsys.readouterr().out.splitlines()
        (row,) = (line.split() for line in table if line.startswith("car"))
        assert row[1] == "2"
    found.write_text(found.read_text().replace('"key"', '"elsewhere"'))
    assert run_nuscenes(truth, found, "--tables", data) == 2
    assert "elsewhere: expected boxes with ego_translation" in capsys.readouterr().err
    (data / "v1.0-mini" / "ego_pose.json").write_text("[]")
    assert run_nuscenes(truth, found, "--tables", data) == 2
    assert "ego_pose_token: expected rows that are there" in capsys.readouterr().err
    (data / "v1.0-mini" / "sample_data.json").unlink()
    assert run_nuscenes(truth, found, "--tables", data) == 2
    assert "sample_data.json: expected a table of nuScenes" in capsys.readouterr().err


def test_nuscenes_by_hand(samples: tuple[Path, Path], tmp_path: Path, capsys) -> None:
    out, picture = tmp_path / "new" / "scores.json", tmp_path / "new" / "curves.png"
    assert run_nuscenes(*samples, "--json", out, "--picture", picture) == 0
    scores = json.loads(out.read_text())
    assert set(scores) >= {"mean_ap", "nd_score", "label_aps", "tp_errors"}
    assert scores["label_aps"]["car"] == pytest.approx(
        dict.fromkeys(["0.5", "1.0", "2.0", "4.0"], 4 / 9)
    )
    assert scores["mean_ap"] == pytest.approx(0.4 / 9)
    assert scores["tp_errors"]["trans_err"] == pytest.approx(0.9)
    assert scores["label_tp_errors"]["barrier"]["vel_err"] is None
    table = capsys.readouterr().out.splitlines()
    (row,) = (line.split() for line in table if line.startswith("car"))
    assert row[:3] == ["car", "2", "44.44"] and table[-1] == f"NDS {100 * scores['nd_score']:.2f}"
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 20_000


def test_waymo_by_hand(frames: Path, tmp_path: Path, capsys) -> None:
    out, picture = tmp_path / "new" / "scores.json", tmp_path / "new" / "curves.svg"
    assert run_waymo(frames, "--json", out, "--picture", picture) == 0
    scores = json.loads(out.read_text())
    assert scores["OBJECT_TYPE_TYPE_VEHICLE_LEVEL_2"] == pytest.approx({"AP": 1, "APH": 0.5})
    assert scores["OBJECT_TYPE_TYPE_SIGN_LEVEL_1"] == {"AP": 0, "APH": 0}
    table = capsys.readouterr().out.splitlines()
    (row,) = (line.split() for line in table if line.startswith("VEHICLE     LEVEL_2"))
    assert row[2:7] == ["1", "100.00", "50.00", "100.00", "50.00"]
    (mean,) = (line.split() for line in table if line.startswith("ALL_NS      LEVEL_2"))
    assert mean[2:4] == ["33.33", "16.67"]
    assert "<svg" in picture.read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"score"', '"confidence"', "frames.0.pd.0: expected a key score, got type, box, conf"),
        ('"frames"', '"scenes"', "expected a key frames, got scenes; correct the file"),
        ('"VEHICLE", "box": [8, 0, 0, 2', '"CAR", "box": [8, 0, 0, 2',
         "frames.0.pd.0.type: expected 'VEHICLE', 'PEDESTRIAN', 'SIGN' or 'CYCLIST', got 'CAR'"),
        ('"difficulty": 0', '"difficulty": 3', "difficulty: expected 0, 1 or 2, got 3"),
        ("0.9", "NaN", "frames.0.pd.0.score: expected a finite number, got nan"),
        ("1.5, 0]", "1.5]", "frames.0.gt.0.box: expected a value number 7, got [8, 0, 0, 4, 2"),
        ("4, 2, 1.5, 0]", "4, 0, 1.5, 0]", "frames.0.gt.0.box.4: expected greater than 0, got 0"),
        ("{", "<", "expected JSON, got none: "),
    ],
)  # fmt: skip
def test_bad_frames(frames: Path, capsys, old: str, new: str, message: str) -> None:
    frames.write_text(frames.read_text().replace(old, new))
    assert run_waymo(frames) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"pd_ros.evaluate: {frames}: ") and message in err
    assert len(err.splitlines()) == 1


def test_bad_samples(samples: tuple[Path, Path], capsys) -> None:
    truth, found = samples
    assert run_nuscenes(found, found) == 2
    assert "results: expected a valid array, got {'a': [{" in capsys.readouterr().err
    assert run_nuscenes(truth, truth) == 2
    assert "expected a key results, got a, b; correct the file" in capsys.readouterr().err
    assert run_nuscenes(truth, truth.with_name("none.json")) == 2
    assert "none.json: expected a JSON file, found no such file" in capsys.readouterr().err
    turned = truth.with_name("turned.json")
    turned.write_text(truth.read_text().replace("[1, 0, 0, 0]", "[0, 0, 0, 0]"))
    assert run_nuscenes(turned, found) == 2
    assert "rotation: expected a quaternion of any length but 0" in capsys.readouterr().err
    found.write_text('{"results": {"a": []}}')
    assert run_nuscenes(truth, found) == 2
    assert f"{found}: detections: expected the 2 samples" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("waymo", "--metric waymo: expected --frames as well, got none"),
        ("waymo --frames f --labels d", "--metric waymo: expected no --labels, got one"),
        (
            "nuscenes --detections f",
            "--metric nuscenes: expected --ground-truth as well, got none",
        ),
        ("kitti --labels d", "--metric kitti: expected --detections as well, got none"),
    ],
)
def test_options_of_another_metric(capsys, words: str, message: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--metric", *words.split()])
    assert end.value.code == 2 and message in capsys.readouterr().err


def test_picture_of_an_unknown_format(folders: tuple[Path, Path], tmp_path: Path, capsys) -> None:
    assert run(*folders, "--picture", tmp_path / "curves.xyz") == 2
    assert "xyz" in capsys.readouterr().err


def test_as_a_command(tmp_path: Path) -> None:
    words = ["--metric", "kitti", "--labels", tmp_path / "none", "--detections", tmp_path]
    command = [sys.executable, "-m", "pd_ros.evaluate", *(str(word) for word in words)]
    bad = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == (
        f"pd_ros.evaluate: {tmp_path / 'none'}: expected a folder of label files, found no such"
        " folder; correct the path\n"
    )


def test_help_and_unknown_metric(capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    for metric in ("kitti", "nuscenes", "waymo"):
        assert f"python -m pd_ros.evaluate --metric {metric}" in shown
    with pytest.raises(SystemExit) as end:
        main(["--metric", "guess", "--labels", "a", "--detections", "b"])
    assert end.value.code == 2
