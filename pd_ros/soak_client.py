"""Sends clouds of changing size and random faults, and hears the answers."""

import threading
import time
from array import array

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import PointCloud2, PointField
from vision_msgs.msg import Detection3DArray

from pd_ros.soak_report import Answers
from pd_ros.stamp_pairs import header_stamp_ns

_FAULTS = ("empty", "NaN", "out of range", "no z", "short", "big endian", "no intensity", "back")
_RANGE_M = 50.0


class SoakClient(Node):
    """One publisher of ``points``, one subscriber of ``detections``, in a namespace of its own."""

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

    def send_next(self) -> None:
        """Publish the next cloud; the first ones are the largest, so that memory is taken once."""
        largest = len(self._cloud)
        count = largest if self._sent < 20 else int(self._rng.integers(largest // 50, largest + 1))
        faulty = self._rng.random() < self._faults
        message = self._message(count, str(self._rng.choice(_FAULTS)) if faulty else "")
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
            if now.received == done and now.heard == now.answered:
                return

    def result(self) -> Answers:
        """Return what became of the clouds so far."""
        with self._lock:
            counts = {name: self._counts.get(name, 0) for name in Answers._fields}
            return Answers(**{**counts, "sent": self._sent, "heard": self._heard})

    def _message(self, count: int, fault: str) -> PointCloud2:
        points = self._cloud[:count]
        if fault in ("NaN", "out of range"):
            points = np.full_like(points, np.nan if fault == "NaN" else 1e4)
        points = points[:0] if fault == "empty" else points
        big = fault == "big endian"
        names = ("x", "y", "z", "intensity")
        message = PointCloud2(
            height=1, width=len(points), point_step=16, row_step=16 * len(points),
            is_bigendian=big,
            fields=[
                PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
                for i, name in enumerate(names)
                if (name, fault) not in (("z", "no z"), ("intensity", "no intensity"))
            ],
        )  # fmt: skip
        data = points.astype(">f4" if big else "<f4").tobytes()
        message.data = array("B", data[:-8] if fault == "short" else data)
        now = self.get_clock().now().to_msg()
        now.sec -= 3600 if fault == "back" else 0
        message.header.stamp, message.header.frame_id = now, "lidar"
        return message

    def _on_answer(self, cdr: bytes) -> None:
        now_s = time.monotonic()
        with self._lock:
            self._heard += 1
            sent_s = self._sent_s.pop(header_stamp_ns(cdr), None)
            if sent_s is not None:
                self._latencies.append(1000 * (now_s - sent_s))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            ours = status.hardware_id == self._publisher.topic_name
            if ours and status.name.endswith(": clouds"):
                values = {item.key: item.value for item in status.values}
                with self._lock:
                    self._counts = {
                        name: int(values[name]) for name in Answers._fields if name in values
                    }
