"""``python -m pd_ros.replay`` from end to end, on good input."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rosbags.rosbag2 import StoragePlugin
from small_model import save_eager_model, save_overflowing_model
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
from street import street

from pd_ros.detection.predictor import Predictor
from pd_ros.replay import __main__ as command
from pd_ros.replay.__main__ import main
from pd_ros.runtime.parameters.specs import SPECS, THRESHOLD

CLASSES = {"car", "pedestrian"}
REPORT_KEYS = {
    "model", "points", "frames", "frames_labelled", "frames_not_finite", "boxes", "latency_ms",
    "clouds_per_s", "score_rule", "scores", "score_threshold", "labels_of_no_class",
    "boxes_of_own_vehicle", "load", "operating_point",
}  # fmt: skip


def replay(model: Path, points: Path, out: Path, *more: str) -> dict:
    """Run the command, check what every result must satisfy, return detections.json.

    All boxes are listed: the small model is sure of few.
    """
    arguments = ["--model", str(model), "--points", str(points), "--out", str(out)]
    arguments += ["--score-threshold", "0", *more]
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
    out = capsys.readouterr().out
    assert "scores: none, no labels were found" in out
    assert f"picture: {tmp_path / 'out' / 'birdseye.png'}" in out.splitlines()
    assert "animation: " not in out


def test_animation_has_a_frame_for_each_cloud(model_path: Path, tmp_path: Path, capsys) -> None:
    path = write_clouds(tmp_path / "drive", drive(3), [(STAMP, a_car())])
    film = tmp_path / "film.webp"
    replay(model_path, path, tmp_path / "out", "--animation", str(film))
    assert f"animation: {film}" in capsys.readouterr().out.splitlines()
    with Image.open(film) as frames:
        assert frames.n_frames == 3


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
    middle = (every[0] + min(every)) / 2
    few = replay(model_path, folder, tmp_path / "out", "--score-threshold", str(middle))
    assert few["a"]["scores"] == [score for score in every if score > middle]
    assert 0 < len(few["a"]["scores"]) < len(every)


def test_boxes_are_those_that_the_node_would_publish_and_it_is_said(
    tmp_path: Path, capsys, monkeypatch
) -> None:
    (default,) = (spec.default for spec in SPECS if spec.name == f"{THRESHOLD}default")
    assert default == -1  # the checkpoint's
    chosen = Predictor.from_checkpoint("sim_student", "cpu").thresholds
    titles = list[str]()
    monkeypatch.setattr(command, "save_birdseye", lambda *arguments: titles.append(arguments[2]))
    (tmp_path / "a.bin").write_bytes(np.concatenate([street(seed=i) for i in range(4)]).tobytes())
    arguments = ["--points", str(tmp_path / "a.bin"), "--out", str(tmp_path), "--picture"]
    found = dict[str, list[float]]()
    for more in (["--score-threshold", "0"], []):
        assert main(["--model", "sim_student", *arguments, *more]) == 0
        (frame,) = json.loads((tmp_path / "detections.json").read_text()).values()
        found["few" if not more else "all"] = list(
            zip(frame["labels"], frame["scores"], strict=True)
        )
    least = report(tmp_path)["score_threshold"]
    assert tuple(least.values()) == chosen
    assert found["few"] == [(name, s) for name, s in found["all"] if s >= least[name]]
    assert len(found["few"]) < len(found["all"])
    said = capsys.readouterr().out.splitlines()
    assert any(line.startswith("boxes from score ") for line in said)
    assert titles[1].startswith(f"{tmp_path / 'a.bin'}: boxes from score ")


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


def test_ros1_recording(model_path: Path, tmp_path: Path, data_dir: Path) -> None:
    (path,) = (data_dir / "recordings").glob("*.bag")
    found = replay(model_path, path, tmp_path / "out", "--topic", "/cloud_radar_track")
    assert 1 < len(found) < 200 and "" not in found


def test_help_has_an_example_and_says_what_the_scale_does(capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0
    assert "python -m pd_ros.replay --model student.safetensors" in text
    assert "intensities are multiplied by it" in text


def test_a_network_whose_answers_are_not_finite_is_an_error_in_the_report(
    tmp_path, capsys
) -> None:
    path, folder = save_overflowing_model(tmp_path), write_bins(tmp_path / "bin", "a", "b")
    assert not any(frame["boxes"] for frame in replay(path, folder, tmp_path / "out").values())
    assert report(tmp_path / "out")["frames_not_finite"] == 2
    text = "ERROR: values of the network that are not finite, in 2 of 2 clouds; "
    assert text in capsys.readouterr().out
    replay(save_eager_model(tmp_path), folder, tmp_path / "out")
    assert report(tmp_path / "out")["frames_not_finite"] == 0
    assert "ERROR" not in capsys.readouterr().out
