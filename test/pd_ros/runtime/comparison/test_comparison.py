"""A cloud through the teacher, against the student's boxes; the node's engine without ROS."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from default_settings import default_comparison
from small_recording import STORE, cloud_message, cloud_points
from street import street

from pd_ros.detection.checkpoint import add_to_record
from pd_ros.detection.geometry.ego import on_sensor
from pd_ros.detection.operating_point import KEY
from pd_ros.detection.predictor import Predictor
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.pointcloud.z_offset import CLOUDS
from pd_ros.recordings.bag import DETECTIONS, POINT_CLOUD, open_recording
from pd_ros.recordings.detections import NamedBoxes, detection_array
from pd_ros.runtime.comparison.comparison import (
    compare,
    compared_classes,
    marker_groups,
    named_detections,
)
from pd_ros.runtime.comparison.engine import ComparisonEngine
from pd_ros.runtime.comparison.exact_time_sync import StampPair

STAMP = 3_000_000_005


def named(rows, names, scores) -> NamedBoxes:
    return NamedBoxes(
        np.array(rows, np.float32).reshape(-1, 7), names, np.array(scores, np.float32)
    )


def students(checkpoint, points, z_offset_m=0.0) -> NamedBoxes:
    """What a student of the same weights would publish."""
    found = Predictor.from_checkpoint(checkpoint)(points)
    found = found.select(found.scores >= 0.3)
    names = tuple(("car", "pedestrian")[label] for label in found.labels.tolist())
    boxes = found.boxes.numpy() - np.array([0, 0, z_offset_m, 0, 0, 0, 0], np.float32)
    others = np.flatnonzero(~on_sensor(torch.from_numpy(boxes)))
    names, boxes, found = tuple(names[i] for i in others), boxes[others], found.select(others)
    return NamedBoxes(boxes, names, found.scores.numpy())


@pytest.mark.parametrize("z_offset_m", [0.0, 0.5])
def test_a_student_of_the_same_weights_agrees(checkpoint, z_offset_m) -> None:
    points = cloud_points()
    engine = ComparisonEngine(default_comparison(checkpoint, z_offset_m=z_offset_m))
    lifted = points + np.array([0, 0, z_offset_m, 0], np.float32)
    student = students(checkpoint, lifted, z_offset_m)
    assert len(student.names) > 0
    answer = detection_array(STORE, STAMP, student, "lidar")
    comparison = engine.compare(cloud_message(STAMP, points), answer)
    assert comparison.disagreement == pytest.approx(0, abs=1e-3)
    total = sum(sums.matched for sums in engine.totals.values())
    assert 0 < total <= len(student.names)
    assert all((sums.missed, sums.extra) == (0, 0) for sums in engine.totals.values())


def test_a_student_that_is_silent_misses_all_and_the_cloud_is_kept(checkpoint, tmp_path) -> None:
    config = default_comparison(checkpoint, record_folder=str(tmp_path / "kept"))
    engine = ComparisonEngine(config)
    cloud = cloud_message(STAMP, cloud_points())
    answer = detection_array(STORE, STAMP, NamedBoxes.empty(), "lidar")
    comparison = engine.compare(cloud, answer)
    missed = len(comparison.pairs.missed)
    assert missed > 0
    assert sum(sums.missed for sums in engine.totals.values()) == missed
    serialised = [
        bytes(STORE.serialize_cdr(message, kind))
        for message, kind in ((cloud, POINT_CLOUD), (answer, DETECTIONS))
    ]
    engine.keep(StampPair(STAMP, *serialised), "lidar", comparison)
    assert engine.recorded == 1
    (path,) = (tmp_path / "kept").iterdir()
    with open_recording(path) as recording:
        (teacher,) = recording.messages("/teacher/detections")
        assert len(teacher.message.detections) >= missed
        assert recording.count("/points") == recording.count("/detections") == 1


def test_agreement_is_not_recorded(checkpoint, tmp_path) -> None:
    config = default_comparison(checkpoint, record_folder=str(tmp_path))
    engine = ComparisonEngine(config)
    points = cloud_points()
    answer = detection_array(STORE, STAMP, students(checkpoint, points), "lidar")
    comparison = engine.compare(cloud_message(STAMP, points), answer)
    engine.keep(StampPair(STAMP, b"", b""), "lidar", comparison)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_cloud_and_no_boxes_agree(checkpoint) -> None:
    engine = ComparisonEngine(default_comparison(checkpoint, score_threshold=1.0))
    answer = detection_array(STORE, STAMP, NamedBoxes.empty(), "lidar")
    comparison = engine.compare(cloud_message(STAMP, np.zeros((0, 4), np.float32)), answer)
    assert comparison.disagreement == 0
    assert engine.marker_groups(comparison) == []


def test_asked_for_are_boxes_from_the_checkpoints_own_thresholds_on(checkpoint, tmp_path) -> None:
    own = Path(shutil.copy(checkpoint, tmp_path / "own.safetensors"))
    scores = Predictor.from_checkpoint(own)(cloud_points())
    least = float(scores.scores[scores.labels == 0].median())
    kept = {"precision": 1.0, "recall": 1.0, "ghosts_per_frame": 0.0}
    classes = {"car": {"threshold": least, **kept}, "pedestrian": {"threshold": 1.0, **kept}}
    add_to_record(own, {KEY: {"data": "made up", "classes": classes}})
    asked = {}
    for threshold in (-1.0, 0.0):
        engine = ComparisonEngine(default_comparison(own, score_threshold=threshold))
        answer = detection_array(STORE, STAMP, NamedBoxes.empty(), "lidar")
        teacher = engine.compare(cloud_message(STAMP, cloud_points()), answer).teacher
        asked[threshold] = teacher.labels[~teacher.ignore].tolist()
    assert 0 < asked[-1.0].count(0) < asked[0.0].count(0)


def test_three_colours() -> None:
    car, other = [0, 0, 0, 4, 2, 1.5, 0], [20, 0, 0, 4, 2, 1.5, 0]
    student = named_detections(named([car, other], ("car", "car"), [0.9, 0.6]), ("car",))
    rows = torch.tensor([car, [-20, 0, 0, 4, 2, 1.5, 0]])
    truth = GroundTruth(rows, torch.zeros(2, dtype=torch.int64), torch.zeros(2).bool())
    comparison = compare(student, truth, torch.tensor([0.8, 0.7]), ("car",))
    groups = {group.name: group for group in marker_groups(comparison, ("car",))}
    assert {name: group.texts for name, group in groups.items()} == {
        "agreed": ["car 0.90, IoU 1.00"],
        "missed": ["car 0.70 missed"],
        "extra": ["car 0.60 extra"],
    }
    assert groups["missed"].boxes[0, 0] == -20
    assert len({group.colour for group in groups.values()}) == 3


def test_boxes_come_by_falling_score_without_unknown_classes() -> None:
    rows = np.arange(21, dtype=np.float32).reshape(3, 7)
    found = named_detections(
        named(rows, ("car", "van", "truck"), [0.2, 0.9, 0.5]), ("truck", "car")
    )
    assert found.labels.tolist() == [0, 1]
    assert found.scores.tolist() == pytest.approx([0.5, 0.2])
    assert found.boxes[:, 0].tolist() == [14, 0]
    assert len(named_detections(NamedBoxes.empty(), ("car",)).scores) == 0


def test_classes_that_are_compared() -> None:
    own = ("Car", "Truck", "Cyclist")
    assert compared_classes(own, "") == ("car", "truck", "cyclist")
    assert compared_classes(own, " cyclist, car ") == ("car", "cyclist")
    with pytest.raises(ValueError, match=r"expected some of the teacher's .* got dog"):
        compared_classes(own, "car, dog")


def test_a_broken_cloud_is_said(checkpoint) -> None:
    engine = ComparisonEngine(default_comparison(checkpoint))
    answer = detection_array(STORE, STAMP, NamedBoxes.empty(), "lidar")
    broken = dataclasses.replace(cloud_message(STAMP, cloud_points()), point_step=3)
    with pytest.raises(ValueError, match="point_step"):
        engine.compare(broken, answer)


def test_an_offset_that_is_measured_holds_from_the_cloud_after(checkpoint) -> None:
    """The first clouds are not compared, as the student answers them with nothing, too."""
    engine = ComparisonEngine(default_comparison(checkpoint, z_offset_m=None))
    nothing = detection_array(STORE, STAMP, NamedBoxes.empty(), "lidar")
    for number in range(CLOUDS):
        cloud = cloud_message(STAMP, street(-2.23, seed=number))
        assert engine.compare(cloud, nothing) is None
    assert all(sums.missed == 0 for sums in engine.totals.values())
    assert engine.auto_offset.offset_m == pytest.approx(0.5, abs=0.03)
    points = street(-2.23, seed=9)
    raised = points + np.float32([0, 0, engine.auto_offset.offset_m, 0])
    student = students(checkpoint, raised, engine.auto_offset.offset_m)
    answer = detection_array(STORE, STAMP, student, "lidar")
    comparison = engine.compare(cloud_message(STAMP, points), answer)
    assert len(student.names) > 0
    assert comparison.disagreement == pytest.approx(0, abs=1e-3)
