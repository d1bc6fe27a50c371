"""Messages by hand."""

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.serialization import deserialize_message, serialize_message
from some_detections import CLASSES, HEADER, found
from visualization_msgs.msg import Marker, MarkerArray

from pd_ros.detection.types import Detections
from pd_ros.evaluation.agreement_sums import Agreement
from pd_ros.recordings.box_shapes import class_groups
from pd_ros.recordings.detections import message_header
from pd_ros.recordings.typestore import jazzy_typestore
from pd_ros.recordings.visualization import MARKERS, marker_message
from pd_ros.ros.messages import comparison_array, diagnostic_status, group_markers, marker_array


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


def test_markers_written_without_ros_are_the_same_but_for_their_lifetime() -> None:
    boxes = [[1.0, 2, 3, 4, 2, 1.5, 0.1], [9.0, 0, 1, 1, 1, 2, -2]]
    groups = class_groups(found(boxes, [2, 0], [0.9, 0.8]), CLASSES)
    store = jazzy_typestore()
    stamp = HEADER.stamp.sec * 1_000_000_000 + HEADER.stamp.nanosec
    message = marker_message(store, message_header(store, stamp, HEADER.frame_id), groups)
    read = deserialize_message(bytes(store.serialize_cdr(message, MARKERS)), MarkerArray)
    wanted = deserialize_message(serialize_message(group_markers(HEADER, groups)), MarkerArray)
    for marker, other in zip(read.markers, wanted.markers, strict=True):
        marker.lifetime, marker.texture.header = other.lifetime, other.texture.header
        if other.action == Marker.DELETEALL:
            marker.pose, marker.color = other.pose, other.color
        assert marker == other


def test_a_comparison_has_a_line_for_each_class_and_no_empty_ranges() -> None:
    row = (Agreement(matched=2, missed=1, iou=1.5), Agreement(), Agreement(extra=3))
    array = comparison_array(HEADER, {"car": row, "cyclist": (Agreement(),) * 3})
    assert array.header == HEADER
    car, cyclist = array.status
    assert (car.name, car.message) == ("car", "2 matched, 1 missed, 3 extra")
    values = {item.key: item.value for item in car.values}
    assert values["mean BEV IoU"] == values["0-20 m: mean BEV IoU"] == "0.750"
    assert values["over 40 m: extra"] == "3"
    assert not any(key.startswith("20-40 m") for key in values)
    assert {item.key for item in cyclist.values} == {"matched", "missed", "extra"}


def test_diagnostics_are_written_as_text() -> None:
    values = {"received": 5, "rate": 9.5, "device": "cpu"}
    status = diagnostic_status("detector: clouds", "lidar", DiagnosticStatus.WARN, "late", values)
    assert (status.level, status.name) == (DiagnosticStatus.WARN, "detector: clouds")
    assert (status.hardware_id, status.message) == ("lidar", "late")
    pairs = [(pair.key, pair.value) for pair in status.values]
    assert pairs == [("received", "5"), ("rate", "9.5"), ("device", "cpu")]
