"""What the core and the replay load: neither ROS nor the training package."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "pd_ros.runtime.comparison.engine",
        "pd_ros.detection.predictor",
        "pd_ros.evaluate",
        "pd_ros.evaluate_recording.__main__",
        "pd_ros.replay.__main__",
    ],
)
def test_a_fresh_interpreter_loads_no_ros_and_no_training(module) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "pd_ros" in loaded
    assert not loaded & {"rclpy", "training", "sensor_msgs", "vision_msgs"}
    assert not loaded & {"dask", "distributed"}  # one process needs no cluster


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("pd_ros.node", {"rclpy", "numpy", "torch"}),
        ("pd_ros.comparison_node", {"rclpy", "numpy", "torch"}),
        ("pd_ros.inspect_cloud.__main__", {"rclpy", "numpy", "torch"}),
        ("pd_ros.ros.detector_node", {"torch"}),  # the node is there before its detector
        ("pd_ros.ros.comparison_node", {"torch"}),
    ],
)
def test_signals_are_taken_over_before_what_takes_seconds_to_import(module, absent) -> None:
    pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not absent & set(done.stdout.split())
