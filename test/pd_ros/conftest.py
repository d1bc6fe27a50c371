import pytest
from small_model import save_eager_model

from pd_ros.dds_ports import remove_unfinished_ports


@pytest.fixture(scope="module", autouse=True)
def ports():
    """No module waits for what a process that a test has killed was making."""
    remove_unfinished_ports()


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
