"""The real node in the process of its test, and a client that it answers."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from live_node import Client, heard
from rclpy.parameter import Parameter

from pd_ros.ros.detector_node import DetectorNode
from pd_ros.ros.execution.guarded_executor import GuardedExecutor
from pd_ros.ros.execution.timers import spinning

POINTS = np.random.default_rng(0).uniform(-2, 0.5, (300, 4)).astype(np.float32).clip(min=-2)
POINTS[:, 3] = 0.5


@contextmanager
def node_here(checkpoint: Path, *parameters: str, **arguments: Any) -> Iterator[DetectorNode]:
    """Make a node with parameters ``NAME:=VALUE``; it is closed at the end."""
    given = (f"model.checkpoint:={checkpoint}", "diagnostics.period:=0.2", *parameters)
    words = [word for parameter in given for word in ("-p", parameter)]
    rclpy.init(args=["--ros-args", "-r", f"__ns:=/test_here_{os.getpid()}", *words])
    node = DetectorNode(**arguments)
    try:
        yield node
    finally:
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()


@contextmanager
def active(node: DetectorNode) -> Iterator[Client]:
    """A client that is heard by a node, which is configured, activated and spins."""
    node.trigger_configure()
    node.trigger_activate()
    executor = GuardedExecutor(node.note_failure, node.context)
    with spinning(node, executor), heard(Client(node.get_namespace())) as client:
        yield client


def set_parameter(node: DetectorNode, name: str, value: object) -> None:
    """Set a parameter that the node must take."""
    result = node.set_parameters([Parameter(name, value=value)])[0]
    assert result.successful, result.reason
