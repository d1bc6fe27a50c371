"""The command on a small network, and what it measures with."""

import json

import numpy as np
import pytest
from small_model import save_eager_model

from pd_ros.benchmark import __main__ as command
from pd_ros.benchmark import run
from pd_ros.benchmark.__main__ import main
from pd_ros.benchmark.contention import Beside
from pd_ros.benchmark.inputs import find_model, made_up_street, to_message
from pd_ros.benchmark.timing import ratio
from pd_ros.pointcloud.decode import decode_points

STAGES = [
    "decode", "copy", "voxelise", "encode", "backbone_neck", "head", "decode_boxes", "nms",
    "calibrate", "select", "message",
]  # fmt: skip


def to_file(folder):
    """A folder of one cloud of 400 points."""
    points = np.random.default_rng(0).normal(0, 3, (400, 4)).astype(np.float32)
    (folder / "clouds").mkdir()
    points.tofile(folder / "clouds/a.bin")
    return folder / "clouds"


def test_every_figure_is_there(tmp_path, capsys) -> None:
    model = save_eager_model(tmp_path)
    report, picture = tmp_path / "speed.json", tmp_path / "speed.png"
    code = main([
        "--model", str(model), "--points", str(to_file(tmp_path)), "--rounds", "1",
        "--threads", "1", "--device", "cpu", "--precision", "fp32",
        "--json", str(report), "--picture", str(picture),
    ])  # fmt: skip
    assert code == 0
    content = json.loads(report.read_text())
    (result,) = content["results"]
    assert content["clouds"] == [400]
    assert list(result["paths"]) == ["plain", "fast"]
    for path in result["paths"].values():
        assert list(path["stages_ms"]) == STAGES
        assert 0 < path["whole_ms"]["p50"] <= path["whole_ms"]["p99"]
        assert path["first_ms"] > 0
    assert result["lost_boxes"] == 0 < result["compared_boxes"]
    assert result["beside_busy_threads"] == {}
    assert result["speedup"]["low"] <= result["speedup"]["median"] <= result["speedup"]["high"]
    assert picture.stat().st_size > 0
    assert "times faster" in capsys.readouterr().out


def test_the_fast_path_runs_in_the_backend_that_is_asked_for(tmp_path, monkeypatch) -> None:
    pytest.importorskip("openvino", reason="openvino is optional: requirements/openvino.txt")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model, report = save_eager_model(tmp_path), tmp_path / "speed.json"
    code = main([
        "--model", str(model), "--rounds", "1", "--threads", "1", "--clouds", "1", "--device",
        "cpu", "--precision", "fp32", "--backend", "openvino", "--json", str(report),
        "--points", str(to_file(tmp_path)),
    ])  # fmt: skip
    assert code == 0
    (result,) = json.loads(report.read_text())["results"]
    assert {name: path["backend"] for name, path in result["paths"].items()} == {
        "plain": "torch", "fast": "openvino",
    }  # fmt: skip
    assert result["lost_boxes"] == 0 < result["compared_boxes"]
    assert list((tmp_path / "pd_ros/openvino").iterdir())


def test_both_paths_are_measured_beside_busy_threads(tmp_path, capsys) -> None:
    model, report = save_eager_model(tmp_path), tmp_path / "speed.json"
    code = main([
        "--model", str(model), "--points", str(to_file(tmp_path)), "--rounds", "1",
        "--threads", "1", "--device", "cpu", "--precision", "fp32",
        "--busy-threads", "1", "--json", str(report),
    ])  # fmt: skip
    assert code == 0
    (result,) = json.loads(report.read_text())["results"]
    beside = result["beside_busy_threads"]
    assert list(beside) == ["plain", "fast"]
    for times in beside.values():
        assert min(times["alone_ms"]["p50"], times["busy_ms"]["p50"]) > 0
        slower = times["times_slower"]
        assert slower["low"] <= slower["median"] <= slower["high"]
    assert "times slower" in capsys.readouterr().out


@pytest.mark.parametrize("keep", ["on", "off"])
def test_freed_memory_is_kept_unless_it_is_to_be_given_back(
    keep, tmp_path, monkeypatch, capsys
) -> None:
    asked = []
    monkeypatch.setattr(command, "keep_freed_memory", lambda: asked.append(True))
    measured = Beside([1.0], [2.0], ratio([2.0], [1.0]))
    beside = lambda *arguments: asked.append(arguments[-1]) or {"fast": measured}  # noqa: E731
    monkeypatch.setattr(run, "measure_beside", beside)
    report = tmp_path / "speed.json"
    code = main([
        "--model", str(save_eager_model(tmp_path)), "--points", str(to_file(tmp_path)), "--rounds",
        "1", "--threads", "1", "--device", "cpu", "--precision", "fp32", "--busy-threads", "1",
        "--keep-memory", keep, "--json", str(report),
    ])  # fmt: skip
    assert code == 0
    assert asked == ([True, True] if keep == "on" else [False])
    assert json.loads(report.read_text())["machine"]["keep_memory"] == (keep == "on")
    text = capsys.readouterr().out
    assert ("freed memory kept" in text) == (keep == "on") != ("freed memory given back" in text)
    assert "p99 / p50" in text


def test_what_is_wrong_is_said_at_once(capsys) -> None:
    assert main(["--model", "nothing"]) == 2
    assert "sim_student" in capsys.readouterr().err
    assert main(["--model", "sim_student", "--rounds", "0"]) == 2
    assert "--rounds" in capsys.readouterr().err
    assert main(["--model", "sim_student", "--busy-threads", "-1"]) == 2
    assert "--busy-threads" in capsys.readouterr().err


def test_names_of_shipped_models_and_networks() -> None:
    assert find_model("sim_student").suffix == ".safetensors"
    assert find_model("point_pillars").suffix == ".yaml"


def test_the_ratio_is_that_of_the_medians_within_its_spread() -> None:
    steady = ratio([10.0] * 9, [5.0] * 9)
    assert steady == (2.0, 2.0, 2.0)
    unsteady = ratio([10.0, 20.0, 30.0] * 5, [5.0] * 15)
    assert unsteady.median == 4.0
    assert unsteady.low < 4.0 <= unsteady.high


def test_a_message_holds_the_points_it_was_made_of() -> None:
    points = made_up_street(0)
    message = to_message(points)
    np.testing.assert_array_equal(decode_points(message.layout, message.data), points)
    assert 60_000 < len(points) < 125_000
    assert points[:, 2].min() == pytest.approx(-1.73, abs=0.01)
