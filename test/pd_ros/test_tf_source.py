"""tf2 by a module in its place, as the real one is not everywhere."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")

from pd_ros.frames import TransformError  # noqa: E402
from pd_ros.tf_source import open_transforms  # noqa: E402


@pytest.fixture
def node():
    rclpy.init(args=[])
    node = rclpy.create_node("detector", enable_rosout=False)
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture
def tf2(monkeypatch):
    """A buffer that knows base from lidar, and a listener that says which node it got."""
    module = ModuleType("tf2_ros")
    module.TransformException = type("TransformException", (Exception,), {})
    module.listeners = []

    class Buffer:
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

    module.Buffer, module.TransformListener = Buffer, TransformListener
    monkeypatch.setitem(sys.modules, "tf2_ros", module)
    return module


def test_transforms_come_from_a_buffer_with_a_node_of_its_own(node, tf2) -> None:
    source = open_transforms(node)
    try:
        matrix = source.lookup("base", "lidar", 5, 0.05)
        expected = [[-1, 0, 0, 1], [0, -1, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]]
        np.testing.assert_allclose(matrix, expected, atol=1e-12)
        with pytest.raises(TransformError, match="map from lidar: no such frame"):
            source.lookup("map", "lidar", 5, 0.05)
        assert tf2.listeners[0] is not node
    finally:
        source.close()


def test_without_tf2_there_are_no_transforms_and_it_is_said(node, monkeypatch, capfd) -> None:
    monkeypatch.setitem(sys.modules, "tf2_ros", None)
    assert open_transforms(node) is None
    assert "tf2_ros cannot be imported" in capfd.readouterr().err
