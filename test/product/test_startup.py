"""What the node may cost at its start: a second and 70 MB more if torch's compiler is imported."""

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

# The program of the node, up to where it would wait for clouds.
ACTIVATE = f"""
import ctypes, sys
from pd_ros.commands.node import main

def pools(path):
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    file = ctypes.c_void_p(libc.fopen(path.encode(), b"w"))
    libc.malloc_info(0, file)
    libc.fclose(file)
    return open(path).read().count("<heap nr=")

def begin(node):
    print(begin_as_it_is(node), pools(sys.argv[1]), *sys.modules)
    return False  # as a node that cannot work: the program ends

def load():
    global begin_as_it_is
    from pd_ros.ros.detector_node import DetectorNode
    begin_as_it_is, DetectorNode.begin = DetectorNode.begin, begin
    return DetectorNode

main.__globals__["_load"] = load
main(["--ros-args", "-r", "__ns:=/test_startup_{os.getpid()}"])
"""

OUTLINE = f"""
import sys
from pathlib import Path
from pd_ros.detection.families import load_model_config, outline_model

for path in Path({str(CONFIGS)!r}).glob("*.yaml"):
    outline_model(load_model_config(path))
print(*sys.modules)
"""


def printed_by(code: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_node_imports_only_what_runs_and_its_threads_share_their_memory(tmp_path) -> None:
    pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
    pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")
    active, pools, *loaded = printed_by(ACTIVATE, str(tmp_path / "pools.xml"))
    assert active == "True"
    assert {"torch", "pd_ros.ros.engine"} <= set(loaded)
    assert not sorted((COMPILER | OTHERS) & set(loaded))
    assert int(pools) == 1


def test_an_outline_of_any_network_leaves_the_compiler_of_torch_alone() -> None:
    pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    assert not sorted(COMPILER & set(printed_by(OUTLINE)))
