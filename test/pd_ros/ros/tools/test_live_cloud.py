"""``inspect_cloud`` on a running topic."""

import os

import pytest
from street import street

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")

from live_node import cloud, ros
from rclpy.node import Node

from pd_ros.inspect_cloud.inspection import inspect
from pd_ros.ros.execution.timers import spinning


def test_a_running_topic(capsys) -> None:
    topic = f"/test_inspect_{os.getpid()}"
    with ros():
        node = Node("driver")
        publisher = node.create_publisher(type(cloud(street(), 1)), topic, 5)
        message = cloud(street(), 1)
        node.create_timer(0.1, lambda: publisher.publish(message))
        with spinning(node):
            assert inspect(["--topic", topic, "--timeout", "60"]) in (0, 1)
            assert "ground height (m): -1.7" in capsys.readouterr().out
        assert inspect(["--topic", "/nobody", "--timeout", "0.1"]) == 2
    assert "got none: no publisher of the cloud topic" in capsys.readouterr().err


def test_a_topic_of_something_else(capsys) -> None:
    topic = f"/test_inspect_bytes_{os.getpid()}"
    with ros():
        node = Node("driver")
        publisher = node.create_publisher(type(cloud(street(), 1)), topic, 5)
        node.create_timer(0.1, lambda: publisher.publish(b"\x00\x01\x00\x00\x07"))
        with spinning(node):
            assert inspect(["--topic", topic, "--timeout", "60"]) == 2
    assert f"{topic}: PointCloud2: expected whole CDR" in capsys.readouterr().err
