"""Plays recorded clouds to a running detector over DDS, and keeps its answers."""

import threading
import time
from collections.abc import Callable, Iterable

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import PointCloud2
from vision_msgs.msg import Detection3DArray

from pd_ros.recordings.bag import RawMessage
from pd_ros.recordings.detections import read_detection_array
from pd_ros.replay.live_result import LiveRun
from pd_ros.runtime.comparison.exact_time_sync import header_stamp_ns

# The publisher keeps a few clouds, so that a reliable subscriber can ask for one again.
_KEPT_CLOUDS = 5


class LivePlayer(Node):
    """One publisher of ``points``, one subscriber of ``detections``, in a namespace of its own."""

    def __init__(self, namespace: str) -> None:
        super().__init__("live_player", namespace=namespace)
        self.run = LiveRun()
        self._answers: dict[int, bytes] = {}  # by the cloud's stamp in nanoseconds
        self._answered = threading.Condition()
        self._publisher = self.create_publisher(
            PointCloud2, "points", QoSProfile(depth=_KEPT_CLOUDS)
        )
        # Raw: to read a hundred boxes while the next cloud is due would distort what is measured.
        self._listener = self.create_subscription(
            Detection3DArray, "detections", self._on_answer, 10, raw=True
        )
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)

    def is_heard(self) -> bool:
        """Whether a detector listens, and answers where this node hears it."""
        listeners = self._publisher.get_subscription_count()
        return bool(listeners and self.count_publishers("detections"))

    def is_compared(self) -> bool:
        """Whether a teacher listens beside the detector."""
        listeners = self._publisher.get_subscription_count()
        return listeners > 1 and bool(self.count_publishers("lidar_comparison/comparison"))

    def play(
        self, clouds: Iterable[RawMessage], rate: float, on_sent: Callable[[], object]
    ) -> None:
        """Publish clouds as their bytes are, at the recorded pace times ``rate``."""
        began_s, first_ns = time.monotonic(), None
        for cloud in clouds:
            first_ns = cloud.received_ns if first_ns is None else first_ns
            due_s = began_s + (cloud.received_ns - first_ns) / 1e9 / rate
            time.sleep(max(0.0, due_s - time.monotonic()))
            self.run.sent_s[header_stamp_ns(cloud.cdr)] = time.monotonic()
            self._publisher.publish(cloud.cdr)
            on_sent()

    def wait_for_answers(self, timeout_s: float) -> bool:
        """Wait until every cloud is answered, then read the answers; returns whether all came."""
        with self._answered:
            complete = self._answered.wait_for(
                lambda: len(self._answers) >= len(self.run.sent_s), timeout_s
            )
            answers = dict(self._answers)
        for stamp, cdr in answers.items():
            message = deserialize_message(cdr, Detection3DArray)
            self.run.answers[stamp] = read_detection_array(message)
        return complete

    def _on_answer(self, cdr: bytes) -> None:
        now_s, stamp = time.monotonic(), header_stamp_ns(cdr)
        with self._answered:
            if stamp in self.run.sent_s and stamp not in self._answers:
                self.run.answered_s[stamp] = now_s
                self._answers[stamp] = cdr
            self._answered.notify()

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {item.key: item.value for item in status.values}
            if status.hardware_id == self._publisher.topic_name:
                self.run.node_counts |= values
            elif status.hardware_id == self._listener.topic_name:
                self.run.agreement |= values
