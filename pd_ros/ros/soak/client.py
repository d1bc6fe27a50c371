"""Sends clouds of changing size and random faults, and hears the answers."""

import threading
import time

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import PointCloud2
from vision_msgs.msg import Detection3DArray

from pd_ros.ros.soak.faults import FAULTS, good_cloud
from pd_ros.ros.soak.report import Answers, Requests
from pd_ros.ros.soak.requests import RequestClient
from pd_ros.runtime.comparison.exact_time_sync import header_stamp_ns
from pd_ros.runtime.diagnostics.status import CALLBACK_FAILED

_REQUEST_SHARE = 0.25  # of the faults
_RANGE_M = 50.0


class SoakClient(Node):
    """One publisher of ``points``, one subscriber of ``detections``, in a namespace of its own.

    ``faults``: the share of clouds that are faulty, or that come with a request to be refused.
    """

    def __init__(self, namespace: str, seed: int, points: int, faults: float) -> None:
        super().__init__("soak_client", namespace=namespace)
        self._rng = np.random.default_rng(seed)
        self._faults = faults
        self._cloud = self._rng.uniform(-_RANGE_M, _RANGE_M, (points, 4)).astype(np.float32)
        self._cloud[:, 2] = self._rng.uniform(-1.8, 1.0, points)
        self._cloud[:, 3] = self._rng.random(points)
        self._lock = threading.Lock()
        self._sent_s: dict[int, float] = {}
        self._sent = self._heard = 0
        self._latencies: list[float] = []
        self._counts: dict[str, int] = {}
        self._publisher = self.create_publisher(PointCloud2, "points", QoSProfile(depth=5))
        # Deep, so that the client itself loses no answer when the machine is busy.
        self.create_subscription(Detection3DArray, "detections", self._on_answer, 100, raw=True)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self._requests = RequestClient(self, "lidar_detector")

    def send_next(self) -> None:
        """Publish the next cloud; the first ones are the largest, so that memory is taken once."""
        largest = len(self._cloud)
        count = largest if self._sent < 20 else int(self._rng.integers(largest // 50, largest + 1))
        message = good_cloud(self._cloud[:count], self.get_clock().now().to_msg())
        if self._rng.random() < self._faults:
            self._disturb(message)
        stamp = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
        with self._lock:
            self._sent += 1
            self._sent_s[stamp] = time.monotonic()
        self._publisher.publish(message)

    def take_latencies(self) -> tuple[float, ...]:
        """Return the latencies (ms) of the answers since the last call."""
        with self._lock:
            taken, self._latencies = tuple(self._latencies), []
            if len(self._sent_s) > 1000:  # of clouds that were dropped or rejected
                self._sent_s = dict(list(self._sent_s.items())[-500:])
        return taken

    def is_heard(self) -> bool:
        """Whether the node listens, and answers where this one hears it."""
        listeners = self._publisher.get_subscription_count()
        return bool(listeners and self.count_publishers("detections"))

    def wait_for_counts(self, timeout_s: float) -> None:
        """Wait until the node's counts say that nothing is in work, and all answers are here."""
        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            time.sleep(1.1)  # one more of the node's diagnostics
            now = self.result()
            done = now.answered + now.dropped + now.rejected
            asked, refused = self._requests.result()
            if now.received == done and now.heard == now.answered and asked == refused:
                return

    def result(self) -> Answers:
        """Return what became of the clouds so far."""
        with self._lock:
            counts = {name: self._counts.get(name, 0) for name in Answers._fields}
            return Answers(**{**counts, "sent": self._sent, "heard": self._heard})

    def requests(self) -> Requests:
        """Return what became of the requests that are to be refused."""
        return self._requests.result()

    def _disturb(self, message: PointCloud2) -> None:
        """Make a cloud faulty, or ask for something that makes no sense."""
        if self._rng.random() < _REQUEST_SHARE:
            self._requests.ask(self._rng)
        else:
            FAULTS[str(self._rng.choice(list(FAULTS)))](message)

    def _on_answer(self, cdr: bytes) -> None:
        now_s = time.monotonic()
        with self._lock:
            self._heard += 1
            sent_s = self._sent_s.pop(header_stamp_ns(cdr), None)
            if sent_s is not None:
                self._latencies.append(1000 * (now_s - sent_s))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.hardware_id != self._publisher.topic_name:
                continue
            values = {item.key: item.value for item in status.values}
            counts = {name: values[name] for name in Answers._fields if name in values}
            if CALLBACK_FAILED in values:
                counts["callbacks_failed"] = values[CALLBACK_FAILED]
            with self._lock:
                self._counts |= {name: int(count) for name, count in counts.items()}
