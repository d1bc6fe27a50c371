"""Compares the student's boxes with a teacher's, beside the detector, in a process of its own."""

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import PointCloud2
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import MarkerArray

from pd_ros.pointcloud.z_offset import Z_OFFSET
from pd_ros.process.memory import imports_without_gc
from pd_ros.ros.cloud_subscription import cloud_publishers
from pd_ros.ros.execution.guarded_executor import describe_failure
from pd_ros.ros.execution.timers import steady_timer
from pd_ros.ros.execution.topic_names import check_topics
from pd_ros.ros.messages import comparison_array, diagnostic_status, group_markers, status_name
from pd_ros.ros.parameters import declare, values_of
from pd_ros.runtime.comparison.exact_time_sync import StampPair, StampPairs, header_stamp_ns
from pd_ros.runtime.comparison.window import ComparisonCounter, judge_comparison
from pd_ros.runtime.diagnostics.silence import CLOUD_TYPE, Input, RosTime, explain_silence
from pd_ros.runtime.latest_worker import LatestWorker
from pd_ros.runtime.parameters.comparison_specs import COMPARISON_SPECS, check_values
from pd_ros.runtime.parameters.read import read_agreement_limits, read_comparison
from pd_ros.runtime.parameters.rules import check_names
from pd_ros.runtime.statistics import Throttle

DEFAULT_TEACHER = Path(__file__).parents[1] / "weights" / "sim_teacher.safetensors"
_LOG_PERIOD_S = 5.0
_TOPICS = {
    "points": CLOUD_TYPE,
    "detections": "vision_msgs/msg/Detection3DArray",
    "~/comparison": "diagnostic_msgs/msg/DiagnosticArray",
    "~/markers": "visualization_msgs/msg/MarkerArray",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
}


class ComparisonNode(Node):
    """Pairs clouds with the student's answers; every n-th pair goes through the teacher.

    The teacher starts on a cloud when the student has done with it. Nothing is published that
    the student listens to, and nothing is asked of it.
    """

    def __init__(self, name: str = "lidar_comparison") -> None:
        super().__init__(name)
        check_topics(self, _TOPICS)
        declare(self, COMPARISON_SPECS)
        check_names(list(self._parameter_overrides), list(self.get_parameters_by_prefix("")))
        check_values({spec.name: self._value(spec.name) for spec in COMPARISON_SPECS})
        self._counter = ComparisonCounter()
        self._reported = self._counter.read()
        self._pairs = StampPairs()
        self._throttle = Throttle(_LOG_PERIOD_S)
        self._busy_since_s: float | None = None
        self._payload_bytes = 0  # of the last cloud
        self._worker = LatestWorker(self._compare, self._report)
        self.exit_code = 0

    def begin(self) -> bool:
        """Load the teacher, listen and compare. Raises ``ValueError`` for a bad teacher."""
        with imports_without_gc():
            from pd_ros.runtime.comparison.engine import (  # noqa: PLC0415
                ComparisonEngine,
                lower_priority,
            )

        lower_priority(self._value("process.nice"), self._value("process.threads"))
        self.engine = ComparisonEngine(read_comparison(values_of(self), str(DEFAULT_TEACHER)))
        self._worker.start()
        self._make_publishers()
        self._subscribe()
        self.get_logger().info(
            f"comparing {', '.join(self.engine.classes)} with {self.engine.name}, every"
            f" {self._value('every')} answers"
        )
        return True

    def note_failure(self, what: str, error: Exception) -> None:
        """Log and count a callback that raised an error; the diagnostics show it."""
        self._counter.add(callbacks_failed=1)
        if self._throttle.allows(what, time.monotonic()):
            self.get_logger().error(describe_failure(what, error))

    def close(self) -> None:
        """Stop the teacher; one that hangs is left behind and ends with the process."""
        try:
            self._worker.stop(timeout_s=2.0)
        except TimeoutError as error:
            self.get_logger().warning(str(error))

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _make_publishers(self) -> None:
        self._comparison = self.create_publisher(DiagnosticArray, "~/comparison", 1)
        self._markers = self.create_publisher(MarkerArray, "~/markers", 1)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        steady_timer(self, self._value("diagnostics.period"), self._publish_diagnostics)

    def _subscribe(self) -> None:
        """Raw: most clouds are never looked into."""
        reliability = {
            "best_effort": ReliabilityPolicy.BEST_EFFORT,
            "reliable": ReliabilityPolicy.RELIABLE,
        }[self._value("input.reliability")]
        clouds = QoSProfile(depth=1, reliability=reliability)
        answers = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._clouds = self.create_subscription(
            PointCloud2, "points", self._on_cloud, clouds, raw=True
        )
        self._asked = clouds
        self._answers = self.create_subscription(
            Detection3DArray, "detections", self._on_answer, answers, raw=True
        )

    def _explain_silence(self) -> str:
        publishers = cloud_publishers(self, self._clouds.topic_name, self._asked)
        clock = self.get_clock()
        seen = Input(
            publishers,
            payload_bytes=self._payload_bytes,
            reliability=self._asked.reliability.name.lower(),
            time=RosTime(clock.now().nanoseconds, clock.ros_time_is_active),
        )
        return explain_silence(seen)

    def _on_cloud(self, cdr: bytes) -> None:
        self._payload_bytes = len(cdr)
        self._counter.add(clouds=1)
        self._bring_together(self._pairs.add_cloud, cdr)

    def _on_answer(self, cdr: bytes) -> None:
        self._counter.add(answers=1)
        self._bring_together(self._pairs.add_answer, cdr)

    def _bring_together(self, add: Callable[[int, bytes], StampPair | None], cdr: bytes) -> None:
        try:
            pair = add(header_stamp_ns(cdr), cdr)
        except ValueError:  # no message at all; the student says so
            return
        if pair is None:
            return
        number = self._counter.add(pairs=1).pairs
        if (number - 1) % self._value("every") == 0 and self._worker.put(pair):
            self._counter.add(skipped=1)

    def _compare(self, pair: StampPair) -> None:
        """On the worker's thread: what the teacher does here holds up nobody."""
        self._busy_since_s = started_s = time.monotonic()
        try:
            cloud = deserialize_message(pair.cloud, PointCloud2)
            answer = deserialize_message(pair.answer, Detection3DArray)
            comparison = self.engine.compare(cloud, answer)
            if comparison is None:
                self._log_offset()
                return
            self._counter.compared(1000 * (time.monotonic() - started_s))
            self._comparison.publish(comparison_array(cloud.header, comparison.table))
            if self._value("output.markers") and self._markers.get_subscription_count():
                groups = self.engine.marker_groups(comparison)
                self._markers.publish(group_markers(cloud.header, groups))
            self.engine.keep(pair, cloud.header.frame_id, comparison)
        finally:
            self._busy_since_s = None

    def _log_offset(self) -> None:
        """Log the offset of the ground once it is settled."""
        auto = self.engine.auto_offset
        if auto is not None and auto.offset_m is not None:
            self.get_logger().info(f"{Z_OFFSET}: {auto.text}")

    def _report(self, error: BaseException) -> None:
        if not self.context.ok():
            return  # told to stop meanwhile: nothing can be published any more
        self._counter.add(failed=1)
        if self._throttle.allows("failed", time.monotonic()):
            trace = "".join(traceback.format_exception(error))
            self.get_logger().error(f"comparison failed:\n{trace}")

    def _publish_diagnostics(self) -> None:
        counts, since_s = self._counter.read(), self._busy_since_s
        busy_s = 0.0 if since_s is None else time.monotonic() - since_s
        limits = read_agreement_limits(values_of(self))
        silence = "" if counts.clouds > self._reported.clouds else self._explain_silence()
        health = judge_comparison(
            self._reported, counts, busy_s, self.engine.totals, limits, silence
        )
        self._reported = counts
        status = diagnostic_status(
            f"{status_name(self)}: comparison", self._answers.topic_name,
            bytes([health.level.value]), health.text,
            health.values | self._offset_value() | {"recorded clouds": self.engine.recorded},
        )  # fmt: skip
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def _offset_value(self) -> dict[str, object]:
        auto = self.engine.auto_offset
        return {} if auto is None else {Z_OFFSET: auto.text}
