"""What the real node says about who publishes, about stamps, clocks and frames."""

import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

import rclpy
from live_node import Client, cloud, heard, values_of
from node_here import POINTS, active, node_here
from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy
from std_msgs.msg import String

from pd_ros.ros.cloud_subscription import TOPIC
from pd_ros.ros.execution.guarded_executor import GuardedExecutor
from pd_ros.ros.execution.timers import spinning
from pd_ros.runtime.diagnostics.status import Level

STALE, WARN = bytes([Level.STALE.value]), bytes([Level.WARN.value])


@contextmanager
def listening(checkpoint, *parameters, **client):
    """A node that is active, and a client that it need not hear."""
    with node_here(checkpoint, *parameters) as node:
        node.trigger_configure()
        node.trigger_activate()
        client = Client(node.get_namespace(), **client)
        with spinning(node), spinning(client):
            yield node, client
        client.destroy_node()


@contextmanager
def talker(topic):
    """A publisher of something else, in a participant of its own."""
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    try:
        node = Node("talker", context=context)
        yield node.create_publisher(String, topic, 1)
        node.destroy_node()
    finally:
        rclpy.try_shutdown(context=context)


def test_an_incompatible_publisher_is_named_and_no_large_cloud_blamed(checkpoint) -> None:
    best_effort = {"reliability": ReliabilityPolicy.BEST_EFFORT}
    with listening(checkpoint, "input.reliability:=reliable", **best_effort) as (_, client):
        status = client.hear("clouds", "incompatible QoS, not heard: ")
        assert status.level == STALE
        assert "/client (best_effort): Best effort publisher and reliable" in status.message
    assert all("fastdds_shm" not in status.message for status in client.of("clouds"))


def test_a_subscription_that_cannot_be_exchanged_is_tried_again(checkpoint, monkeypatch) -> None:
    with node_here(checkpoint, "input.reliability:=auto") as node:
        made = []

        def create_subscription(kind, topic, *arguments, **options):
            made.append(topic)
            if topic == TOPIC and 2 <= made.count(TOPIC) <= 4:
                raise MemoryError("injected")
            return Node.create_subscription(node, kind, topic, *arguments, **options)

        monkeypatch.setattr(node, "create_subscription", create_subscription)
        node.trigger_configure()
        node.trigger_activate()
        client = Client(node.get_namespace(), reliability=ReliabilityPolicy.BEST_EFFORT)
        executor = GuardedExecutor(node.note_failure, node.context)
        with spinning(node, executor), heard(client):
            failed = client.hear("detector", "callback failed")
            assert failed.level == bytes([Level.ERROR.value])
            assert client.ask(cloud(POINTS, 1)).detections
            client.wait(
                lambda: any(
                    values_of(s)["subscribed"] == "best_effort" for s in client.of("clouds")
                )
            )
        assert made.count(TOPIC) == 5
        client.destroy_node()  # the next test's node is not to hear its best effort


def test_a_publisher_of_something_else_is_named(checkpoint) -> None:
    with listening(checkpoint) as (_, client):
        topic, cloud_publisher = client._publisher.topic_name, client._publisher
        with talker(topic):
            client.send(cloud(POINTS, 1))
            client.hear("clouds", "not heard, for it is no sensor_msgs/msg/PointCloud2: /talker")
            client._publisher = SimpleNamespace(topic_name=topic)
            client.destroy_publisher(cloud_publisher)
            status = client.hear("clouds", "no publisher of sensor_msgs/msg/PointCloud2, but ")
            assert "/talker (std_msgs/msg/String)" in status.message
            assert status.level == STALE


def test_silence_between_reliable_sides_is_the_publishers(checkpoint) -> None:
    with node_here(checkpoint, "input.timeout:=0.3") as node, active(node) as client:
        status = client.hear("clouds", "both sides are reliable: it sends nothing")
        assert status.level == STALE
        assert all("fastdds_shm" not in status.message for status in client.of("clouds"))


def test_stamps_far_in_the_future_are_remarked_on(checkpoint) -> None:
    with node_here(checkpoint) as node, active(node) as client:
        assert client.ask(cloud(POINTS, int(time.time()) + 3600)).detections
        assert client.hear("clouds", "in the future: compare the clocks").level == WARN


def test_without_a_clock_sim_time_is_remarked_on(checkpoint) -> None:
    with node_here(checkpoint, "use_sim_time:=true") as node, active(node) as client:
        client.ask(cloud(POINTS, 1))
        assert client.hear("clouds", "no /clock has come").level == WARN
        assert all("clouds come in" not in status.message for status in client.of("clouds"))
        assert all("future" not in status.message for status in client.of("clouds"))


@pytest.mark.parametrize("frame", ["camera_optical_frame", "lidar_top"])
def test_an_optical_frame_is_remarked_on(checkpoint, frame) -> None:
    with node_here(checkpoint) as node, active(node) as client:
        message = cloud(POINTS, 1)
        message.header.frame_id = frame
        assert client.ask(message).header.frame_id == frame
        status = client.wait(lambda: next(s for s in client.of("content") if len(s.values) > 1))
        assert ("the optical frame of a camera" in status.message) == ("optical" in frame)


def test_names_of_statuses_have_the_namespace(checkpoint) -> None:
    with node_here(checkpoint) as node, active(node) as client:
        status = client.hear("clouds", "")
        assert status.name == f"{node.get_namespace()[1:]}/lidar_detector: clouds"
        parts = {"clouds", "content", "detector", "output", "device", "model"}
        client.wait(lambda: {s.name.rpartition(": ")[2] for s in client.statuses} == parts)
