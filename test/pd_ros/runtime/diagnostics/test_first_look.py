"""What is odd about clouds is said by every command that reads them."""

import json
import re

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin
from small_recording import STAMP, cloud_message, write_bins, write_clouds
from street import street

from pd_ros.benchmark import __main__ as benchmark
from pd_ros.evaluate_recording import __main__ as evaluate_recording
from pd_ros.inspect_cloud.inspection import inspect
from pd_ros.recordings.sources import open_source
from pd_ros.replay import __main__ as replay
from pd_ros.runtime.diagnostics.first_look import remarks_on

BRIGHT = r"intensity: .* 0\.99 quantile 2.* set input\.intensity\.scale to 0\.00392"


def bright_street() -> np.ndarray:
    points = np.concatenate([street(seed=i) for i in range(4)])
    points[:, 3] *= 255
    return points


@pytest.fixture(params=["files", "recording"])
def bright(request, tmp_path):
    """Clouds whose intensities are floats up to 255; the first is empty."""
    if request.param == "files":
        folder = tmp_path / "clouds"
        folder.mkdir()
        (folder / "a.bin").write_bytes(b"")
        (folder / "b.bin").write_bytes(bright_street().tobytes())
        return folder
    clouds = [cloud_message(STAMP, bright_street()[:0]), cloud_message(STAMP + 1, bright_street())]
    return write_clouds(tmp_path / "bag", clouds, storage=StoragePlugin.MCAP)


def commands(model, points, out):
    points, out, model = str(points), str(out), str(model)
    return {
        "replay": (replay.main, ["--model", model, "--points", points, "--out", out]),
        "evaluate_recording": (evaluate_recording.main, [points, "--model", model, "--out", out]),
        "benchmark": (
            benchmark.main,
            ["--model", model, "--points", points, "--rounds", "1", "--threads", "1"],
        ),
    }


@pytest.mark.parametrize("name", ["replay", "evaluate_recording", "benchmark"])
def test_every_command_says_what_inspect_cloud_says(
    name, bright, model_path, tmp_path, capsys
) -> None:
    main, arguments = commands(model_path, bright, tmp_path / "out")[name]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    found = re.search(rf"warning: .*, for small: ({BRIGHT}.*)", text)
    assert found, text
    assert inspect([str(bright), "--cloud", "1", "--model", str(model_path)]) == 1
    assert found[1].split(" (expected")[0] in capsys.readouterr().out
    assert main([*arguments, "--intensity-scale", "0.0024"]) == 0
    assert "intensity:" not in capsys.readouterr().out


def test_several_processes_say_it_too(bright, model_path, tmp_path, capsys) -> None:
    main, arguments = commands(model_path, bright, tmp_path / "out")["evaluate_recording"]
    assert main([str(bright), *arguments, "--jobs", "2"]) == 0
    assert len(re.findall(BRIGHT, capsys.readouterr().out)) == 2


def test_headers_that_are_wrong_are_remarked(model_path, tmp_path, capsys) -> None:
    points = street()[: 64 * 300]
    wrong = {"height": 64, "width": 300, "row_step": 0, "is_bigendian": True}
    path = write_clouds(tmp_path / "bag", [cloud_message(STAMP, points, **wrong)])
    main, arguments = commands(model_path, path, tmp_path / "out")["replay"]
    arguments += ["--score-threshold", "0"]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "row_step is 0, but 64 rows of 4800 bytes fill the data" in text
    assert "is_bigendian is true, but only in the other byte order" in text
    right = write_clouds(tmp_path / "right", [cloud_message(STAMP, points)])
    boxes = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert main([*arguments[:3], str(right), *arguments[4:]]) == 0
    assert json.loads((tmp_path / "out" / "detections.json").read_text()) == boxes
    assert any(frame["boxes"] for frame in boxes.values())


def test_of_clouds_without_points_nothing_is_said(tmp_path) -> None:
    (tmp_path / "a.bin").write_bytes(b"")
    assert remarks_on(open_source(tmp_path, None, 1.0, None, False), {}) == []


def test_boxes_on_the_sensor_are_counted_and_kept_if_asked(model_path, tmp_path, capsys) -> None:
    write_bins(tmp_path / "clouds", "a")
    for main, arguments in list(commands(model_path, tmp_path / "clouds", tmp_path).values())[:2]:
        for distance, said in (("20", True), ("-1", False)):
            assert main([*arguments, "--ego-distance", distance]) == 0
            text = capsys.readouterr().out
            assert ("on the sensor itself" in text) == said
    report = tmp_path / "report.json"
    main, arguments = commands(model_path, tmp_path / "clouds", tmp_path)["replay"]
    counts = []
    for distance in ("-1", "5", "20"):
        main([*arguments, "--ego-distance", distance, "--score-threshold", "0"])
        row = json.loads(report.read_text())
        counts.append((sum(row["boxes"].values()), row["boxes_of_own_vehicle"]))
    total = counts[0][0]
    assert [kept + own for kept, own in counts] == [total] * 3
    assert counts[0][1] == 0 < counts[1][1] <= counts[2][1] == total
