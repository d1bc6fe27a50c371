"""What the core and the replay load: neither ROS nor the training package."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "pd_ros.comparison_engine",
        "pd_ros.detection.predictor",
        "pd_ros.evaluate",
        "pd_ros.evaluate_recording",
        "pd_ros.replay.__main__",
    ],
)
def test_a_fresh_interpreter_loads_no_ros_and_no_training(module) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "pd_ros" in loaded
    assert not loaded & {"rclpy", "training", "sensor_msgs", "vision_msgs"}


def test_the_node_listens_to_signals_before_torch_is_loaded() -> None:
    """Torch takes seconds; Ctrl-C meanwhile would be a traceback."""
    pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
    code = "import sys, pd_ros.node; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "torch" not in done.stdout.split()
