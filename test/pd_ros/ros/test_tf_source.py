"""tf2 by a module in its place, as the real one is not everywhere."""

import sys
import time
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")

pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from patience import PATIENCE_S  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from pd_ros.ros.tf_source import open_transforms  # noqa: E402
from pd_ros.runtime.transforms import TransformError  # noqa: E402

REMAPS = ["-r", "/tf:=/robot/tf", "-r", "detector:/tf_static:=here"]


def unheard(what, error) -> None:
    raise AssertionError(what) from error


@pytest.fixture
def node():
    rclpy.init(args=["--ros-args", "-r", "__ns:=/front", *REMAPS])
    node = rclpy.create_node("detector", enable_rosout=False)
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture
def tf2(monkeypatch):
    """A buffer that knows base from lidar, and a listener that says which node it got."""
    module = ModuleType("tf2_ros")
    module.TransformException = type("TransformException", (Exception,), {})
    module.listeners, module.heard, module.cleared = [], [], 0

    class Buffer:
        def clear(self) -> None:
            module.cleared += 1

        def lookup_transform(self, target, source, time, timeout):
            assert (time.nanoseconds, timeout.nanoseconds) == (5, 50_000_000)
            if (target, source) != ("base", "lidar"):
                raise module.TransformException("no such frame")
            translation = SimpleNamespace(x=1.0, y=2.0, z=3.0)
            rotation = SimpleNamespace(x=0.0, y=0.0, z=1.0, w=0.0)
            return SimpleNamespace(
                transform=SimpleNamespace(translation=translation, rotation=rotation)
            )

    class TransformListener:
        def __init__(self, buffer, node, spin_thread) -> None:
            assert not spin_thread
            module.listeners.append(node)
            for topic in ("/tf", "/tf_static"):
                node.create_subscription(String, topic, self.hear, 10)

        def hear(self, message) -> None:
            module.heard.append(message.data)
            raise ValueError("no transform")

    module.Buffer, module.TransformListener = Buffer, TransformListener
    monkeypatch.setitem(sys.modules, "tf2_ros", module)
    return module


def test_transforms_come_from_a_buffer_with_a_node_of_its_own(node, tf2) -> None:
    source = open_transforms(node, unheard)
    try:
        matrix = source.lookup("base", "lidar", 5, 0.05)
        expected = [[-1, 0, 0, 1], [0, -1, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]]
        np.testing.assert_allclose(matrix, expected, atol=1e-12)
        with pytest.raises(TransformError, match="map from lidar: no such frame"):
            source.lookup("map", "lidar", 5, 0.05)
        source.clear()
        assert tf2.cleared == 1
        assert tf2.listeners[0] is not node
        assert tf2.listeners[0].get_fully_qualified_name() == "/front/detector_tf"
        topics = {subscription.topic_name for subscription in tf2.listeners[0].subscriptions}
        assert {"/robot/tf", "/front/here"} <= topics
    finally:
        source.close()


def test_a_bad_message_is_reported_and_the_next_one_heard(node, tf2) -> None:
    said: list[str] = []
    source = open_transforms(node, lambda what, error: said.append(f"{what}: {error}"))
    try:
        publisher = node.create_publisher(String, "/robot/tf", 10)
        end_s = time.monotonic() + PATIENCE_S
        while len(tf2.heard) < 2 or len(said) < 2:
            publisher.publish(String(data="nonsense"))
            assert time.monotonic() < end_s
            time.sleep(0.05)
        assert said[0] == "subscription of /robot/tf: no transform"
    finally:
        source.close()


def test_a_shutdown_by_a_signal_ends_it_without_a_word(node, tf2, capfd) -> None:
    source = open_transforms(node, unheard)
    rclpy.shutdown()  # as rclpy's handler of SIGINT does it
    source.close()
    assert "Traceback" not in capfd.readouterr().err


def test_without_tf2_there_are_no_transforms_and_it_is_said(node, monkeypatch, capfd) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    assert open_transforms(node, unheard) is None
    assert "tf2_ros cannot be imported" in capfd.readouterr().err
