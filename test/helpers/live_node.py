"""The real node as its own process over real DDS, and a client that talks to it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from patience import PATIENCE_S, ending, wait_until
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import PointCloud2, PointField
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import MarkerArray

from pd_ros.ros.execution.timers import spinning

ClientT = TypeVar("ClientT", bound="Client")
XYZI = (("x", "f4"), ("y", "f4"), ("z", "f4"), ("intensity", "f4"))
_DATATYPES = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 8}


def cloud(points: np.ndarray, stamp: int, fields=XYZI, big_endian=False, padding=0) -> PointCloud2:
    """Points ``[N, C]`` as a message; ``stamp`` in whole seconds."""
    order = ">" if big_endian else "<"
    layout = np.dtype(
        [(name, order + kind) for name, kind in fields] + [("_", f"V{padding}")] * bool(padding)
    )
    packed = np.zeros(len(points), layout)
    for column, (name, _) in enumerate(fields):
        packed[name] = points[:, column]
    message = PointCloud2(height=1, width=len(points), point_step=layout.itemsize)
    message.header.stamp.sec, message.header.frame_id = stamp, "lidar_top"
    message.fields = [
        PointField(name=name, offset=layout.fields[name][1], datatype=_DATATYPES[kind], count=1)
        for name, kind in fields
    ]
    message.is_bigendian, message.row_step = big_endian, layout.itemsize * len(points)
    message.data = packed.tobytes()
    return message


class Client(Node):
    """Sends clouds, hears answers, markers and diagnostics."""

    def __init__(self, namespace: str, reliability=ReliabilityPolicy.RELIABLE) -> None:
        super().__init__("client", namespace=namespace)
        self.answers: list[Detection3DArray] = []
        self.markers: list[MarkerArray] = []
        self.statuses: list[DiagnosticStatus] = []  # of the detector
        self.judgements: list[DiagnosticStatus] = []  # of the comparison
        self._changed = threading.Condition()
        self._publisher = self.create_publisher(
            PointCloud2, "points", QoSProfile(depth=5, reliability=reliability)
        )
        self.create_subscription(Detection3DArray, "detections", self._keep(self.answers), 50)
        self.create_subscription(
            MarkerArray, "lidar_detector/markers", self._keep(self.markers), 50
        )
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)

    def send(self, message: PointCloud2 | bytes) -> None:
        """Publish a cloud, or bytes in the place of one."""
        self._publisher.publish(message)

    def ask(self, message: PointCloud2) -> Detection3DArray:
        """Publish a cloud and wait for the answer with its stamp."""
        self.send(message)
        stamp = message.header.stamp.sec
        return self.wait(lambda: next(a for a in self.answers if a.header.stamp.sec == stamp))

    def wait(self, look):
        """Wait until ``look`` finds something, and return it."""

        def found():
            try:
                return look()
            except StopIteration:
                return None

        with self._changed:
            result = self._changed.wait_for(found, PATIENCE_S)
        assert result, f"nothing came within {PATIENCE_S} s"
        return result

    def wait_until_heard(self) -> None:
        """Wait until the node listens and its answers can be heard."""

        def is_heard() -> bool:
            listeners = self._publisher.get_subscription_count()
            return bool(listeners and self.count_publishers("detections"))

        wait_until(is_heard, "a node that listens")

    def of(self, part: str) -> list[DiagnosticStatus]:
        """Statuses heard about one part of the node: clouds, content, detector ..."""
        return [status for status in self.statuses if status.name.endswith(f": {part}")]

    def hear(self, part: str, text: str) -> DiagnosticStatus:
        """Wait until the node says something about a part of it."""
        return self.wait(lambda: next(s for s in self.of(part) if text in s.message))

    def _keep(self, store):
        def keep(message) -> None:
            with self._changed:
                store.append(message)
                self._changed.notify_all()

        return keep

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        with self._changed:
            topic = self._publisher.topic_name
            self.statuses += [s for s in message.status if s.hardware_id == topic]
            answers = self.resolve_topic_name("detections")
            self.judgements += [s for s in message.status if s.hardware_id == answers]
            self._changed.notify_all()


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    """Keys and values of a status."""
    return {item.key: item.value for item in status.values}


def call_on(executor: SingleThreadedExecutor, transition) -> None:
    """Call on the executor's thread, as ROS does: nothing may be destroyed beside it."""
    done = threading.Event()
    executor.create_task(lambda: (transition(), done.set()))
    assert done.wait(PATIENCE_S), f"expected {transition} to be done within {PATIENCE_S} s"


@contextmanager
def running_node(namespace: str, checkpoint: Path, *arguments: str) -> Iterator[subprocess.Popen]:
    """Run ``python -m pd_ros.node``; it is ended by SIGINT and must end well."""
    with _ended(start_node(namespace, checkpoint, *arguments)) as process:
        yield process


@contextmanager
def running_comparison(namespace: str, checkpoint: Path) -> Iterator[subprocess.Popen]:
    """Run ``python -m pd_ros.comparison_node``; it must end as well."""
    given = ["-p", f"teacher.checkpoint:={checkpoint}", "-p", "process.nice:=0"]
    with _ended(_start("pd_ros.comparison_node", namespace, *given)) as process:
        yield process


@contextmanager
def _ended(process: subprocess.Popen) -> Iterator[subprocess.Popen]:
    with ending(process):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            _, log = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, log


def start_node(namespace: str, checkpoint: Path, *arguments: str) -> subprocess.Popen:
    """Start the node as its own process."""
    given = ["-p", f"model.checkpoint:={checkpoint}", *arguments]
    return _start("pd_ros.node", namespace, *given)


def _start(module: str, namespace: str, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", module, "--ros-args", "-r", f"__ns:={namespace}"]
    command += ["-p", "diagnostics.period:=0.2", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


@contextmanager
def heard(client: ClientT) -> Iterator[ClientT]:
    """A client that spins, once the node listens and its answers can be heard.

    It is destroyed at the end: with several of them left in a process, Fast DDS may wait for
    itself without end when the next one goes.
    """
    try:
        with spinning(client):
            client.wait_until_heard()
            yield client
    finally:
        client.destroy_node()


@contextmanager
def ros() -> Iterator[None]:
    """A ROS context for the client."""
    rclpy.init(args=[])
    try:
        yield
    finally:
        rclpy.try_shutdown()
