"""autoware.launch.py run by the real launch: where the detector's topics lie then."""

import os

import pytest

pytest.importorskip("launch_ros", reason="launch_ros is not installed")
pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("autoware_perception_msgs.msg", reason="not installed: see packaging/")

import rclpy
from launch_here import LAUNCH, environment, install, launched, launching, real
from patience import wait_until
from small_model import save_eager_model

AUTOWARE = LAUNCH / "autoware.launch.py"
DETECTION = "/perception/object_recognition/detection"


def test_what_is_given_reaches_the_detector(tmp_path) -> None:
    notes = tmp_path / "notes"
    prefix = install(tmp_path / "prefix", detector_node='echo "$@" >> "$NOTES"')
    given = ["model_type:=transfusion", "input_topic:=/top/points", "log_level:=warn"]
    code, output = launched(AUTOWARE, given, environment(prefix, NOTES=str(notes)))
    assert code == 0, output
    (line,) = notes.read_text().splitlines()
    assert f"__ns:={DETECTION}/transfusion" in line
    assert "-r points:=/top/points -r lidar_detector/objects:=objects" in line
    assert f"--params-file {LAUNCH.parent / 'config' / 'autoware.yaml'}" in line
    assert "--log-level warn" in line


def test_the_node_publishes_where_autoware_listens(tmp_path) -> None:
    checkpoint = save_eager_model(tmp_path)
    prefix = install(tmp_path / "prefix", detector_node=real("pd_ros.node"))
    given = [f"checkpoint:={checkpoint}", f"input_topic:=/cloud_{os.getpid()}"]
    rclpy.init(args=[])
    try:
        node = rclpy.create_node("autoware_launch_test")
        topic = f"{DETECTION}/centerpoint/objects"
        with launching(AUTOWARE, given, environment(prefix)):
            wait_until(lambda: node.count_publishers(topic), f"a publisher of {topic}")
            (end,) = node.get_publishers_info_by_topic(topic)
            assert end.topic_type == "autoware_perception_msgs/msg/DetectedObjects"
            assert end.node_namespace == f"{DETECTION}/centerpoint"
            listening = f"/cloud_{os.getpid()}"
            wait_until(lambda: node.count_subscribers(listening), f"a listener to {listening}")
            assert not node.count_publishers(f"{DETECTION}/centerpoint/detections")
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
