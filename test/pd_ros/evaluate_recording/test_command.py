"""The command over small recordings of every kind, and over real sweeps."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from small_model import save_overflowing_model
from small_recording import (
    STAMP,
    STEP_NS,
    STORE,
    a_car,
    cloud_message,
    cloud_points,
    drive,
    write_bins,
    write_clouds,
)

from pd_ros.evaluate_recording.__main__ import main
from pd_ros.evaluate_recording.options import EvaluationPlan, name_tasks, open_task
from pd_ros.evaluate_recording.results import RecordingResult
from pd_ros.evaluate_recording.workers import run_all
from pd_ros.recordings.bag import DETECTIONS, POINT_CLOUD, open_recording
from pd_ros.recordings.detections import detection_array
from pd_ros.recordings.sources import open_source

TRUTH = [(STAMP + i * STEP_NS, a_car()) for i in range(3)]


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    return write_clouds(tmp_path_factory.mktemp("recordings") / "street", drive(), TRUTH)


def evaluate(out: Path, *arguments: object) -> dict:
    assert main([*map(str, arguments), "--out", str(out)]) == 0
    return json.loads((out / "report.json").read_text())


@pytest.fixture(scope="module")
def labelled(recording, model_path, tmp_path_factory) -> Path:
    """What the command leaves for one model against labels."""
    out = tmp_path_factory.mktemp("labelled")
    evaluate(out, recording, "--model", model_path, "--score-threshold", 0.01)
    return out


def test_one_model_against_labels(labelled) -> None:
    report = json.loads((labelled / "report.json").read_text())
    assert report["recordings"]["street"]["frames_measured"] == 3
    accuracy = report["models"]["small"]["accuracy"]
    assert accuracy["loose"]["all"]["car"]["num_truth"] == 3
    assert accuracy["loose"]["0-20 m"]["car"]["num_truth"] == 3
    assert accuracy["loose"]["20-40 m"]["car"]["num_truth"] == 0
    assert report["models"]["small"]["score_threshold"] == {"car": 0.01, "pedestrian": 0.01}
    assert report["score_threshold"] == {"small": "car 0.01, pedestrian 0.01"}
    published = accuracy["operating_point"]["car"]
    assert (published["all"]["objects"], published["20-40 m"]["objects"]) == (3, 0)
    cars = accuracy["agreement"]["car"]["all"]
    assert published["all"]["found"] == cars["matched"]
    assert published["all"]["wrong"] == cars["extra"]
    assert cars["matched"] + cars["missed"] == 3
    timing = report["models"]["small"]["timing"]
    assert timing["real_time"]["street"]["rate_hz"] == pytest.approx(10)
    assert timing["latency_ms"]["p50"] <= timing["latency_ms"]["max"]


def test_the_page_needs_nothing_beside_itself(labelled) -> None:
    page = (labelled / "report.html").read_text()
    sources = re.findall(r'src="([^"]{0,30})', page)
    assert len(sources) >= 4
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"https?://|<script|<link|@import|url\(", page)
    for anchor in ("accuracy", "operating_point", "agreement", "timing", "worst", "conditions"):
        assert f'<section id="{anchor}">' in page
    assert page.count("<table>") == page.count("</table>") >= 4


def test_the_page_says_what_so_few_objects_can_reach(labelled) -> None:
    page = (labelled / "report.html").read_text()
    assert "3 (AP ≤ 5.0)" in page  # n - 1 of 40 recalls


def test_a_view_holds_clouds_boxes_and_markers(labelled, recording) -> None:
    path = labelled / "views" / "street.mcap"
    with open_recording(path) as view:
        assert view.topics == {
            "/ground_truth/detections": DETECTIONS,
            "/ground_truth/markers": "visualization_msgs/msg/MarkerArray",
            "/points": POINT_CLOUD,
            "/small/detections": DETECTIONS,
            "/small/markers": "visualization_msgs/msg/MarkerArray",
        }
        assert all(view.count(topic) == 3 for topic in view.topics)
        markers = [m.message.markers for m in view.messages("/small/markers")]
        assert all(array[0].action == 3 for array in markers)  # DELETEALL
        assert any(len(array) > 1 for array in markers)
        assert markers[0][0].header.frame_id == "lidar"
    old = [sweep.points for sweep in open_source(recording, None, 1.0, None, True).sweeps()]
    new = [sweep.points for sweep in open_source(path, None, 1.0, None, True).sweeps()]
    np.testing.assert_array_equal(old, new)


def test_two_models_and_a_teacher_side_by_side(recording, model_path, tmp_path) -> None:
    report = evaluate(
        tmp_path, recording, "--model", model_path, "--model", model_path,
        "--teacher", model_path, "--score-threshold", 0.01,
    )  # fmt: skip
    assert list(report["models"]) == ["small", "small_2"]
    first, second = (model["accuracy"] for model in report["models"].values())
    assert first == second | {"precision_recall_bev_loose": first["precision_recall_bev_loose"]}
    for name in ("car", "pedestrian"):
        agreement = first["agreement"][name]["all"]
        assert (agreement["missed"], agreement["extra"]) == (0, 0)
        if agreement["matched"]:
            assert agreement["mean"]["bev_iou"] == pytest.approx(1, abs=1e-5)
            assert agreement["mean"]["score"] == 0
    assert report["worst_frames"] == []
    page = (tmp_path / "report.html").read_text()
    assert "teacher" in page
    rows = [re.findall("<td[^>]*>([^<]*)</td>", row) for row in page.split("<tr>")]
    far = [row for row in rows if row[:2] == ["car", "over 40 m"]]
    assert [row[2] for row in far] == [
        "small",
        "small_2",
    ] * 3  # one below the other, in each table
    assert far[0][3:] == ["0", *["–"] * 4]  # nothing there: no share of it


def run(paths: list[Path], model_path: Path, out: Path, jobs: int = 1) -> list[bytes]:
    """All that is measured in recordings, but for the times that it took."""
    plan = EvaluationPlan(out, (model_path,), score_threshold=0.01)
    out.mkdir(exist_ok=True)
    found = run_all(name_tasks(paths), plan, jobs, out)
    assert found.failures == {}
    chosen = [frame.result.frame for frames in found.chosen for frame in frames]
    return [repr(chosen).encode(), *map(_bits, found.results)]


def _bits(result: RecordingResult) -> bytes:
    known = [result.box_counts.tolist(), result.recorded_s.tolist(), result.label_names]
    sums = [model._replace(latency_s=()) for model in result.models]
    return repr([known, sums]).encode() + result.boxes.read_bytes()


def test_two_runs_and_two_processes_give_the_same_bits(
    recording, model_path, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    paths = [recording, write_clouds(tmp_path / "lane", drive(2), TRUTH[:2])]
    assert run(paths, model_path, tmp_path / "a") == run(paths, model_path, tmp_path / "b", 2)
    for name in ("street", "lane"):
        files = [tmp_path / folder / "views" / f"{name}.mcap" for folder in "ab"]
        assert files[0].read_bytes() == files[1].read_bytes()
    assert not list((tmp_path / "a" / "views").glob(".unfinished*"))


KINDS = [(kind, mode) for kind in StoragePlugin for mode in CompressionMode]
KINDS.remove((StoragePlugin.SQLITE3, CompressionMode.STORAGE))  # which it does not have


@pytest.mark.parametrize(("storage", "mode"), KINDS, ids=lambda part: part.name.lower())
def test_every_kind_of_recording_gives_the_same(
    storage, mode, recording, model_path, tmp_path
) -> None:
    path = tmp_path / "street"
    writer = Writer(path, version=9, storage_plugin=storage)
    writer.set_compression(mode, CompressionFormat.ZSTD)
    with writer:
        clouds = writer.add_connection("/points", POINT_CLOUD, typestore=STORE)
        boxes = writer.add_connection("/ground_truth", DETECTIONS, typestore=STORE)
        for (stamp, named), message in zip(TRUTH, drive(), strict=True):
            writer.write(clouds, stamp, STORE.serialize_cdr(message, POINT_CLOUD))
            array = detection_array(STORE, stamp, named, "lidar")
            writer.write(boxes, stamp, STORE.serialize_cdr(array, DETECTIONS))
    assert run([path], model_path, tmp_path) == run([recording], model_path, tmp_path)


def test_names_of_models_become_topics(model_path, tmp_path) -> None:
    """One is not fit for a topic, one is the name of what measures them."""
    models = [tmp_path / "v1.2-a.safetensors", tmp_path / "ground_truth.safetensors"]
    for path in models:
        path.symlink_to(model_path)
    bag = write_clouds(tmp_path / "drive", drive(1), TRUTH[:1])
    run_all(name_tasks([bag]), EvaluationPlan(tmp_path, tuple(models)), 1, tmp_path)
    with open_recording(tmp_path / "views" / "drive.mcap") as view:
        topics = [topic for topic, kind in view.topics.items() if kind == DETECTIONS]
    assert topics == [
        "/ground_truth/detections", "/ground_truth_2/detections", "/v1_2_a/detections",
    ]  # fmt: skip


def test_labels_from_another_topic_or_another_recording(model_path, tmp_path) -> None:
    labels = write_clouds(tmp_path / "labels", [], TRUTH)
    bare = write_clouds(tmp_path / "bare", drive())
    both = write_clouds(tmp_path / "both", drive(), TRUTH)
    for path, given in ((bare, str(labels)), (both, "/ground_truth")):
        source = open_task(path, EvaluationPlan(tmp_path, (model_path,), labels=given))
        assert [sweep.truth.names for sweep in source.sweeps()] == [("Car",)] * 3


def test_without_labels_there_is_latency_and_something_to_see(model_path, tmp_path) -> None:
    nothing = cloud_message(STAMP - STEP_NS, np.zeros((0, 4), np.float32))
    bare = write_clouds(tmp_path / "bare", [nothing, *drive(2)])
    report = evaluate(tmp_path, bare, "--model", model_path)
    assert report["models"]["small"]["accuracy"] is None
    page = (tmp_path / "report.html").read_text()
    assert 'id="frames"' in page
    assert 'id="accuracy"' not in page
    assert len(list((tmp_path / "pictures").glob("frame_*.png"))) == 3


def test_clouds_in_files_come_at_the_rate_that_is_given(model_path, tmp_path) -> None:
    folder = write_bins(tmp_path / "velodyne", "000", "001", "002")
    plan = EvaluationPlan(tmp_path, (model_path,), rate_hz=20)
    (result,) = run_all(name_tasks([folder]), plan, 1, tmp_path).results
    assert result.recorded_s.tolist() == pytest.approx([0, 0.05, 0.1])


def test_real_sweeps_in_the_cameras_view(data_dir, tmp_path) -> None:
    weights = Path(__file__).parents[3] / "pd_ros" / "weights" / "real_student.safetensors"
    few = tmp_path / "few"
    (few / "velodyne").mkdir(parents=True)
    source = data_dir / "kitti_raw_0005"
    for path in sorted((source / "velodyne").iterdir())[:2]:
        (few / "velodyne" / path.name).symlink_to(path)
    for name in ("objects.json", "calib_object_style.txt"):
        (few / name).symlink_to(source / name)
    report = evaluate(tmp_path / "out", few, "--model", weights)
    cars = report["models"]["real_student"]["accuracy"]["loose"]["all"]["car"]
    assert cars["num_truth"] > 4
    assert cars["recall"] > 0.5  # its training has seen this drive


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bag": "/no/such.mcap"}, "/no/such.mcap"),
        ({"--model": "/no/such.safetensors"}, "no such checkpoint"),
        ({"--teacher": "/no/such.safetensors"}, "no such checkpoint"),
        ({"--labels": "/boxes"}, "--labels: .*expected /boxes of vision_msgs"),
        ({"--labels": "."}, "--labels: .: expected a topic of the recording"),
        ({"--topic": "/cloud"}, "/cloud: expected a topic of sensor_msgs"),
        ({"--jobs": "0"}, "--jobs: expected 1 or more"),
        ({"--rate": "nan"}, "--rate: expected more than 0"),
        ({"--score-threshold": "2"}, "--score-threshold: expected 0 to 1"),
        ({"--device": "toaster"}, "expected auto, cpu or cuda:N"),
    ],
)
def test_bad_input_is_one_clear_line(
    change, message, recording, model_path, tmp_path, capsys
) -> None:
    values = {"bag": str(recording), "--model": str(model_path), "--out": str(tmp_path)} | change
    bag = values.pop("bag")
    assert main([bag, *(part for pair in values.items() for part in pair)]) == 2
    error = capsys.readouterr().err
    assert re.search(message, error)
    assert error.count("pd_ros.evaluate_recording:") == 1


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_bad_recording_among_good_ones_is_reported_and_the_others_go_on(
    jobs, recording, model_path, tmp_path, capsys
) -> None:
    broken = cloud_message(STAMP, cloud_points(), point_step=1)
    bad = write_clouds(tmp_path / "bad", [broken])
    arguments = [bad, recording, "--model", model_path, "--jobs", jobs, "--out", tmp_path]
    assert main(list(map(str, arguments))) == 2
    error = capsys.readouterr().err
    assert "1 of 2 recordings failed" in error
    assert "point_step" in error
    assert "Traceback" in (tmp_path / "failures" / "bad.txt").read_text()
    assert list(json.loads((tmp_path / "report.json").read_text())["recordings"]) == ["street"]
    assert [path.name for path in (tmp_path / "views").iterdir()] == ["street.mcap"]
    assert not list(tmp_path.glob(".unfinished*"))
    assert main([str(bad), *map(str, arguments[2:])]) == 2
    assert "point_step" in capsys.readouterr().err


def test_a_network_whose_answers_are_not_finite_is_an_error_in_the_report(
    recording, model_path, tmp_path, capsys
) -> None:
    bad = save_overflowing_model(tmp_path)
    models = ("--model", model_path, "--model", bad)
    found = evaluate(tmp_path / "out", recording, *models)["models"]
    assert [model["clouds_not_finite"] for model in found.values()] == [0, 3]
    text = "ERROR: values of the network that are not finite, in 3 of 3 clouds; "
    assert capsys.readouterr().out.count(text) == 1
    teacher = ["--model", str(model_path), "--teacher", str(bad), "--out", str(tmp_path / "t")]
    assert main([str(recording), *teacher]) == 2
    assert "overflowing: " in capsys.readouterr().err
