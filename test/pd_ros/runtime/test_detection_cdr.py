"""Bytes of detections against the middleware's own reading and writing of them."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from rclpy.serialization import deserialize_message, serialize_message
from some_detections import CLASSES, HEADER, found
from std_msgs.msg import Header
from vision_msgs.msg import Detection3DArray

from pd_ros.detection.types import Detections
from pd_ros.runtime.detection_cdr import detection_array_cdr


def detection_array(header, detections, classes):
    return deserialize_message(detection_array_cdr(header, detections, classes), Detection3DArray)


@given(
    st.text(max_size=9).filter(lambda text: "\0" not in text),
    st.lists(st.text("abcdefgh", min_size=1, max_size=9), min_size=3, max_size=3),
    st.lists(st.integers(0, 2), max_size=4),
)
def test_the_middleware_reads_all_of_it(frame_id, classes, labels) -> None:
    """Whatever the strings' lengths, and so the padding, are; what it writes is as long."""
    header = Header(frame_id=frame_id)
    header.stamp.sec, header.stamp.nanosec = -3, 4_000_000_000
    boxes = torch.rand(len(labels), 7) * 10
    detections = found(boxes.tolist(), labels, torch.rand(len(labels)).tolist())
    raw = detection_array_cdr(header, detections, classes)
    message = deserialize_message(raw, Detection3DArray)
    assert message.header == header
    assert len(serialize_message(message)) == len(raw)
    for i, item in enumerate(message.detections):
        (result,) = item.results
        assert item.header == header
        assert result.hypothesis.class_id == classes[labels[i]].lower()
        assert result.hypothesis.score == detections.scores[i].item()
        assert result.pose.pose == item.bbox.center
        assert not result.pose.covariance.any()
        place, size = item.bbox.center.position, item.bbox.size
        read = [place.x, place.y, place.z, size.x, size.y, size.z]
        assert read == detections.boxes[i, :6].tolist()
        assert item.id == ""


def test_boxes_are_written_as_the_conventions_say(data_dir) -> None:
    path = data_dir / "reference/conventions/one_box_all_conventions.json"
    rows = json.loads(path.read_text())["rows"]
    array = detection_array(HEADER, found([row["openpcdet"] for row in rows]), CLASSES)
    assert len(array.detections) == len(rows) == 24
    for detection, row in zip(array.detections, rows, strict=True):
        expected = row["vision_msgs"]
        centre, size = detection.bbox.center, detection.bbox.size
        position = [centre.position.x, centre.position.y, centre.position.z]
        np.testing.assert_allclose(position, expected["center_position"], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose([size.x, size.y, size.z], expected["size_xyz"], rtol=1e-6)
        turn = centre.orientation
        quaternion = np.array([turn.x, turn.y, turn.z, turn.w])
        wanted = np.array(expected["center_orientation_xyzw"])
        # A quaternion and its negative are the same turn.
        assert abs(quaternion @ wanted) == pytest.approx(1, abs=1e-9)
        assert np.linalg.norm(quaternion) == pytest.approx(1, abs=1e-12)


def test_a_detection_has_one_hypothesis_and_the_clouds_own_header() -> None:
    boxes = [[1, 2, 3, 4, 2, 1.5, 0.0], [5, 6, 7, 0.8, 0.6, 1.7, math.pi / 2]]
    array = detection_array(HEADER, found(boxes, [0, 1], [0.75, 0.25]), CLASSES)
    assert array.header == HEADER
    car, pedestrian = array.detections
    assert [d.header for d in array.detections] == [HEADER, HEADER]
    assert [len(d.results) for d in array.detections] == [1, 1]
    names = [d.results[0].hypothesis.class_id for d in array.detections]
    assert names == ["car", "pedestrian"]
    assert [d.results[0].hypothesis.score for d in array.detections] == [0.75, 0.25]
    assert (car.id, pedestrian.id) == ("", "")
    assert car.results[0].pose.pose == car.bbox.center
    assert (car.bbox.center.position.z, car.bbox.size.z) == (3.0, 1.5)
    assert pedestrian.bbox.center.orientation.z == pytest.approx(math.sqrt(0.5))
    assert pedestrian.bbox.center.orientation.w == pytest.approx(math.sqrt(0.5))


def test_no_boxes_give_an_empty_array() -> None:
    array = detection_array(HEADER, Detections.empty(), CLASSES)
    assert array.header == HEADER
    assert list(array.detections) == []
