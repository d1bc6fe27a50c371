"""The real node with a detector by its name."""

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from pathlib import Path

from live_node import cloud
from node_here import POINTS, active, node_here


def test_a_checkpoint_that_ships_is_found_by_its_name() -> None:
    with node_here(Path("real_student")) as node, active(node) as client:
        assert client.ask(cloud(POINTS, 1)).header.frame_id == "lidar_top"
