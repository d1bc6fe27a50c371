"""What starting must not import, for time and memory: a second and 70 MB for torch's compiler."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPILER = {"torch._dynamo", "torch._inductor", "torch.onnx", "sympy", "mpmath", "networkx"}
OTHERS = {
    "PIL", "cumm", "jinja2", "lz4", "matplotlib", "mcap", "numba", "numpy.testing", "onnx",
    "onnxruntime", "openvino", "pandas", "rosbags", "scipy", "spconv", "tensorboard", "tensorrt",
    "pd_ros.benchmark", "pd_ros.evaluate_recording", "pd_ros.evaluation.plots",
    "pd_ros.replay", "training",
}  # fmt: skip
CONFIGS = Path(__file__).parents[2] / "config" / "model"

ACTIVATE = f"""
import sys
from pd_ros.commands import node
from pd_ros.ros.detector_node import DetectorNode

def leave(self):
    print(activate(self), *sys.modules)
    return False  # as a node that cannot begin: the program ends

activate, DetectorNode.begin = DetectorNode.begin, leave
node.main(["--ros-args", "-r", "__ns:=/test_startup_{os.getpid()}"])
"""

OUTLINE = f"""
import sys
from pathlib import Path
from pd_ros.detection.families import load_model_config, outline_model

for path in Path({str(CONFIGS)!r}).glob("*.yaml"):
    outline_model(load_model_config(path))
print(*sys.modules)
"""


def printed_by(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_node_imports_only_what_runs() -> None:
    pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
    pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")
    active, *loaded = printed_by(ACTIVATE)
    assert active == "True"
    assert {"torch", "pd_ros.ros.engine"} <= set(loaded)
    assert not sorted((COMPILER | OTHERS) & set(loaded))


def test_an_outline_of_any_network_leaves_the_compiler_of_torch_alone() -> None:
    pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    assert not sorted(COMPILER & set(printed_by(OUTLINE)))
