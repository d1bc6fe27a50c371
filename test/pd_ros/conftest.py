import gc
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from small_model import save_eager_model, small_config

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.families import build_model
from pd_ros.ros.fastdds import remove_unfinished_ports


@pytest.fixture(scope="module", autouse=True)
def ports():
    """No module waits for what a process that a test has killed was making.

    Nor for itself: participants that are left in this process deliver to each other directly, and
    may lock each other out for ever.
    """
    remove_unfinished_ports()
    yield
    gc.collect()  # nodes that nobody holds
    assert participants() == 0, "nodes of this module were not destroyed"


def participants() -> int:
    """Count the DDS participants of this process, by their threads."""
    names = []
    for path in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # ended meanwhile
            names.append(path.read_text())
    return sum(name.startswith("dds.ev.") for name in names)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """The file of a small network that finds something everywhere."""
    return save_eager_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def context():
    """ROS for the clients of a module."""
    from live_node import ros  # noqa: PLC0415  # only where there is ROS

    with ros():
        yield


@pytest.fixture
def node(checkpoint):
    """The node in this process, unconfigured."""
    from node_here import node_here  # noqa: PLC0415  # only where there is ROS

    with node_here(checkpoint) as node:
        yield node


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained detector that finds something everywhere."""
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    config = small_config(decode={"score_threshold": 0.0, "max_detections": 5})
    torch.manual_seed(0)
    model = build_model(config)
    # scores far enough apart to differ in half precision, too
    torch.nn.init.normal_(model.dense.head.heatmap[-1].weight)
    save_checkpoint(path, model, config, {"seed": 0})
    return path
