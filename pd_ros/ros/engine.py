"""Parts of a configured node: detector, topics, worker thread, diagnostics."""

import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from pd_ros.detection.predictor import Predictor
from pd_ros.detection.types import Detections
from pd_ros.pointcloud.byte_layout import check_bytes
from pd_ros.pointcloud.cdr import CloudMessage
from pd_ros.pointcloud.layout import CloudError
from pd_ros.pointcloud.z_offset import Z_OFFSET, AutoOffset
from pd_ros.ros.cloud_subscription import CloudSubscription
from pd_ros.ros.detection_publisher import DetectionPublisher
from pd_ros.ros.execution.guarded_executor import Report
from pd_ros.ros.execution.timers import steady_timer
from pd_ros.ros.messages import diagnostic_status, status_name
from pd_ros.runtime.diagnostics.report import DiagnosticsReporter
from pd_ros.runtime.diagnostics.silence import RosTime
from pd_ros.runtime.diagnostics.status import AGE, CALLBACK_FAILED, LATENCY, Health, Level
from pd_ros.runtime.latest_worker import LatestWorker
from pd_ros.runtime.model_loading import CheckpointFile, is_lost
from pd_ros.runtime.pipeline import DetectionPipeline, PipelineResult
from pd_ros.runtime.settings import Settings, StartupParameters
from pd_ros.runtime.statistics import Statistics, Throttle, Timings

_LOG_PERIOD_S = 5.0


class Arrival(NamedTuple):
    """A cloud that was accepted: its layout has been checked, its points not yet read."""

    cloud: CloudMessage
    arrived_s: float  # monotonic clock


class Engine:
    """Made by configure, started by activate, stopped by deactivate, closed by cleanup.

    ``settings`` may be exchanged at any time; a cloud in work keeps those it began with.
    """

    def __init__(
        self,
        node: Node,
        predictor: Predictor,
        startup: StartupParameters,
        settings: Settings,
        transforms: Any,
        statistics: Statistics,
        on_lost_device: Callable[[], None],
        on_failure: Report,
    ) -> None:
        self._node = node
        self.predictor = predictor
        self.settings = settings
        self._transforms = transforms
        self._statistics = statistics
        self._timings = Timings()
        self._throttle = Throttle(_LOG_PERIOD_S)
        self._on_lost_device = on_lost_device
        self._on_failure = on_failure
        self.pipeline = DetectionPipeline(
            predictor, startup, transforms, statistics, self._say, self._on_offset
        )
        tf = "tf2" if transforms else (
            "tf2_ros is not installed" if self.pipeline.joins else "none needed"
        )  # fmt: skip
        file = CheckpointFile(startup.checkpoint)
        self._reporter = DiagnosticsReporter(
            predictor, file, statistics, self._timings, tf, self._ros_time, startup.sensor_frame
        )
        value = node.get_parameter
        self._publisher = DetectionPublisher(node, value("output.depth").value, startup.message)
        self._diagnostics = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        period_s = value("diagnostics.period").value
        self._timer = steady_timer(node, period_s, self._publish_diagnostics)
        self.worker: LatestWorker[Arrival] | None = None
        self._subscription: CloudSubscription | None = None

    def start(self) -> str:
        """Listen and answer; returns the topic of the clouds."""
        worker = LatestWorker(self._answer, self._report)
        worker.start()
        self.worker = worker
        self._reporter.begin()
        value = self._node.get_parameter
        self._subscription = CloudSubscription(
            self._node,
            value("input.reliability").value,
            value("input.depth").value,
            value("input.raw_subscription").value,
            self._on_cloud,
            lambda count: self._statistics.note("lost on the way", count),
            self._on_unreadable,
        )
        return self._subscription.topic

    def stop(self, timeout_s: float) -> None:
        """Stop listening; the cloud in work is still answered.

        Raises ``TimeoutError`` if that takes longer than ``timeout_s``.
        """
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
        if self.worker is not None:
            worker, self.worker = self.worker, None
            self._statistics.add(dropped=worker.stop(timeout_s))

    def close(self) -> None:
        """Take timer, topics and transforms away."""
        self._node.destroy_timer(self._timer)
        self._publisher.close()
        self._node.destroy_publisher(self._diagnostics)
        if self._transforms is not None:
            self._transforms.close()

    def _on_cloud(self, cloud: CloudMessage) -> None:
        arrived_s = time.monotonic()
        self._statistics.add(received=1)
        self._reporter.saw(cloud)
        age_ms = self._age_ms(cloud)
        try:
            check_bytes(cloud.layout, cloud.data, self.settings.decoding.names)
            self._check_age(age_ms)
        except CloudError as error:
            self._reject(error.reason, str(error))
            return
        self._timings.add({AGE: age_ms}, arrived_s)
        assert self.worker is not None
        self._statistics.add(dropped=int(self.worker.put(Arrival(cloud, arrived_s))))
        self._revive()

    def _on_unreadable(self, text: str) -> None:
        self._statistics.add(received=1)
        self._reporter.saw_unreadable(text)
        self._reject("no PointCloud2", text)

    def _reject(self, reason: str, text: str) -> None:
        self._statistics.reject(reason)
        self._say(reason, f"cloud rejected: {text}")

    def _ros_time(self) -> RosTime:
        clock = self._node.get_clock()
        return RosTime(clock.now().nanoseconds, clock.ros_time_is_active)

    def _age_ms(self, cloud: CloudMessage) -> float:
        now_ns: int = self._node.get_clock().now().nanoseconds
        return (now_ns - cloud.header.stamp.ns) / 1e6

    def _check_age(self, age_ms: float) -> None:
        most_s = self.settings.max_age_s
        if most_s and age_ms > 1000 * most_s:
            raise CloudError(
                "older than input.max_age",
                f"stamp: expected one up to {most_s} s old, got {age_ms / 1000:.1f} s; compare the"
                " clocks, set use_sim_time for a recording, or raise input.max_age",
            )

    def _answer(self, arrival: Arrival) -> None:
        """On the worker's thread: one message for every accepted cloud, whatever happens."""
        settings = self.settings
        try:
            answer = self.pipeline(arrival.cloud, settings)
        except BaseException:
            self._statistics.add(failed=1)
            frame_id = arrival.cloud.header.frame_id
            self._publish(arrival, PipelineResult(Detections.empty(), frame_id, {}), settings)
            raise
        self._publish(arrival, answer, settings)

    def _publish(self, arrival: Arrival, answer: PipelineResult, settings: Settings) -> None:
        began_s = time.monotonic()
        header = arrival.cloud.header._replace(frame_id=answer.frame_id)
        boxes = self._publisher.publish(header, answer.detections, settings)
        now_s = time.monotonic()
        latency_ms = 1000 * (now_s - arrival.arrived_s)
        self._statistics.answer(latency_ms, boxes)
        durations = {
            **answer.stages_ms,
            "message": 1000 * (now_s - began_s),
            LATENCY: latency_ms,
            "stamp to answer": self._age_ms(arrival.cloud),
        }
        self._timings.add(durations, now_s)

    def _report(self, error: BaseException) -> None:
        if not self._node.context.ok():  # told to stop: publishing failed because of that
            return
        trace = "".join(traceback.format_exception(error))
        self._say("failed", f"detection failed, an empty answer was sent:\n{trace}")
        if is_lost(self.predictor.device):
            self._node.get_logger().fatal(
                "the GPU answers no more in this process; it ends, to be started again"
            )
            self._on_lost_device()

    def _revive(self) -> None:
        if self.worker is not None and self.worker.revive():
            self._statistics.note("worker restarted")
            self._say("worker restarted", "the detector's thread had died; a new one was started")

    def _say(self, key: str, text: str) -> None:
        if self._throttle.allows(key, time.monotonic()):
            self._node.get_logger().error(text)

    def _on_offset(self, offset: AutoOffset) -> None:
        if offset.found:
            self._node.get_logger().info(f"{Z_OFFSET}: {offset.text}")
        else:
            self._node.get_logger().warning(f"{Z_OFFSET}: {offset.text}; set a number")

    def _publish_diagnostics(self) -> None:
        if self._subscription is None or self.worker is None:
            return
        self._revive()
        name, topic = status_name(self._node), self._subscription.topic
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.status = [
            diagnostic_status(
                f"{name}: {part}", topic, bytes([health.level.value]), health.text, health.values
            )
            for part, health in self._diagnose().items()
        ]
        self._diagnostics.publish(message)

    def _diagnose(self) -> dict[str, Health]:
        """Return what is to be said; where that fails, what failed, for silence would be worse."""
        assert self._subscription is not None
        assert self.worker is not None
        try:
            return self._reporter.report(
                self._subscription.publishers,
                self._subscription.reliability.name.lower(),
                self.worker.busy_s,
                self.settings,
                self.pipeline.model_from_cloud,
                self.pipeline.auto_offset(self.settings),
            )
        except Exception as error:
            self._on_failure("diagnosis", error)
            text = f"diagnosis failed: {type(error).__name__}: {error}; see log"
            count = self._statistics.read().events.get(CALLBACK_FAILED, 0)
            return {"detector": Health(Level.ERROR, text, {CALLBACK_FAILED: count})}
