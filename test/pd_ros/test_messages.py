"""Messages by the numbers of the conventions reference and by hand."""

import json
import math

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")

from diagnostic_msgs.msg import DiagnosticStatus
from some_detections import CLASSES, HEADER, found
from visualization_msgs.msg import Marker

from pd_ros.detection.types import Detections
from pd_ros.messages import box_segments, diagnostic_status, marker_array


def test_corners_of_the_outline_are_those_of_the_conventions(data_dir) -> None:
    path = data_dir / "reference/conventions/one_box_all_conventions.json"
    for row in json.loads(path.read_text())["rows"]:
        ends = box_segments(np.array([row["openpcdet"]]))[0]
        corners = np.unique(ends[:24].round(6), axis=0)
        expected = np.array(row["corners_lidar"])
        np.testing.assert_allclose(
            corners, expected[np.lexsort(expected.T[::-1].round(6))], atol=2e-6
        )


def test_segments_by_hand() -> None:
    """4 m long, 2 m wide, 1 m high, looking to the left (+y) from (10, 20, 5)."""
    ends = box_segments(np.array([[10, 20, 5, 4, 2, 1, math.pi / 2]]))
    assert ends.shape == (1, 26, 3)
    edges = ends[0, :24].reshape(12, 2, 3)
    lengths = np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1)
    np.testing.assert_allclose(sorted(lengths), [1] * 4 + [2] * 4 + [4] * 4)
    np.testing.assert_allclose(edges.reshape(-1, 3).min(axis=0), [9, 18, 4.5])
    np.testing.assert_allclose(edges.reshape(-1, 3).max(axis=0), [11, 22, 5.5])
    middles = edges.mean(axis=1).round(9)
    assert len(np.unique(middles, axis=0)) == 12
    # From the centre through the front, half a half length beyond it.
    np.testing.assert_allclose(ends[0, 24:], [[10, 20, 5], [10, 23, 5]])


def test_segments_of_several_boxes_and_of_none() -> None:
    boxes = np.array([[0, 0, 0, 4, 2, 1, 0.3], [9, 9, 9, 1, 1, 2, -2.0]])
    both = box_segments(boxes)
    np.testing.assert_array_equal(both[1:], box_segments(boxes[1:]))
    assert box_segments(np.zeros((0, 7))).shape == (0, 26, 3)


def test_markers_are_a_list_of_lines_for_each_class_and_a_text_for_each_box() -> None:
    boxes = [[10.0 * i, 0, 1, 4, 2, 1.5, 0.1] for i in range(3)]
    array = marker_array(HEADER, found(boxes, [2, 0, 2], [0.9, 0.8, 0.123]), CLASSES)
    first, *rest = array.markers
    assert first.action == Marker.DELETEALL
    assert [(m.ns, m.id) for m in rest] == [
        ("Car/boxes", 0),
        ("Car/text", 0),
        ("Cyclist/boxes", 0),
        ("Cyclist/text", 0),
        ("Cyclist/text", 1),
    ]
    assert all(m.header == HEADER and m.action == Marker.ADD for m in rest)
    assert all(m.lifetime.sec == 1 and m.color.a == 1 for m in rest)
    lines = [m for m in rest if m.type == Marker.LINE_LIST]
    assert [len(m.points) for m in lines] == [26, 52]
    assert lines[0].color != lines[1].color
    assert (lines[0].scale.x, lines[0].points[24].x) == (0.08, 10.0)
    texts = [m for m in rest if m.type == Marker.TEXT_VIEW_FACING]
    assert [m.text for m in texts] == ["Car 0.80", "Cyclist 0.90", "Cyclist 0.12"]
    assert texts[0].pose.position.x == 10.0
    assert texts[0].pose.position.z > 1 + 1.5 / 2


def test_without_boxes_the_old_markers_go() -> None:
    array = marker_array(HEADER, Detections.empty(), CLASSES)
    assert [m.action for m in array.markers] == [Marker.DELETEALL]


def test_colours_repeat_when_there_are_many_classes() -> None:
    names = [f"class{i}" for i in range(9)]
    array = marker_array(HEADER, found([[0, 0, 0, 1, 1, 1, 0]] * 9, list(range(9))), names)
    colours = [m.color for m in array.markers if m.type == Marker.LINE_LIST and m.points]
    assert len(colours) == 9
    assert colours[6] == colours[0] != colours[1]


def test_diagnostics_are_written_as_text() -> None:
    values = {"received": 5, "rate": 9.5, "device": "cpu"}
    status = diagnostic_status("detector: clouds", "lidar", DiagnosticStatus.WARN, "late", values)
    assert (status.level, status.name) == (DiagnosticStatus.WARN, "detector: clouds")
    assert (status.hardware_id, status.message) == ("lidar", "late")
    pairs = [(pair.key, pair.value) for pair in status.values]
    assert pairs == [("received", "5"), ("rate", "9.5"), ("device", "cpu")]
