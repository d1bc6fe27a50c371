"""The modules that packaging/build_messages.py makes: other nodes must take them for ROS's own."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from pd_ros.recordings.typestore import jazzy_typestore

rclpy = pytest.importorskip("rclpy", reason="ROS (rclpy) is not installed")
executors = pytest.importorskip("rclpy.executors", reason="ROS (rclpy) is not installed")
messages = pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed")


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("built_messages", context=context)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


def boxes() -> Any:
    detection = messages.Detection3D(id="a car")
    detection.bbox.center.position.x = 12.5
    detection.bbox.size.y = 1.75
    hypothesis = messages.ObjectHypothesisWithPose()
    hypothesis.hypothesis.class_id, hypothesis.hypothesis.score = "car", 0.5
    detection.results = [hypothesis]
    return messages.Detection3DArray(detections=[detection, messages.Detection3D()])


def test_boxes_arrive_as_they_were_sent(node: Any) -> None:
    received: list[Any] = []
    topic = "built_messages/boxes"
    publisher = node.create_publisher(messages.Detection3DArray, topic, 1)
    node.create_subscription(messages.Detection3DArray, topic, received.append, 1)
    executor = executors.SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    limit = time.monotonic() + 10
    while not received and time.monotonic() < limit:
        publisher.publish(boxes())
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    assert received[:1] == [boxes()]


def test_type_hash_is_that_of_the_recordings(node: Any) -> None:
    node.create_publisher(messages.Detection3DArray, "built_messages/hash", 1)
    (endpoint,) = node.get_publishers_info_by_topic("/built_messages/hash")
    expected = jazzy_typestore().hash_rihs01("vision_msgs/msg/Detection3DArray")
    assert str(endpoint.topic_type_hash) == expected


def test_recordings_decode_what_ros_encodes() -> None:
    rclpy_serialization = pytest.importorskip("rclpy.serialization")
    raw = rclpy_serialization.serialize_message(boxes())
    decoded = jazzy_typestore().deserialize_cdr(raw, "vision_msgs/msg/Detection3DArray")
    first: Any = decoded.detections[0]
    assert (first.bbox.center.position.x, first.bbox.size.y) == (12.5, 1.75)
    assert (first.results[0].hypothesis.class_id, first.id) == ("car", "a car")
