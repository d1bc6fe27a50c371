"""The detector as a lifecycle node: clouds on ``points``, boxes on ``detections``.

ros2 run pd_ros detector_node --ros-args -r points:=/velodyne_points -p model.device:=auto
"""

import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import PointCloud2
from vision_msgs.msg import Detection3DArray
from visualization_msgs.msg import MarkerArray

from pd_ros.answering import Arrival, detect, load_detector
from pd_ros.cloud_subscription import CloudSubscription
from pd_ros.detection_cdr import detection_array_cdr
from pd_ros.health import judge
from pd_ros.memory import keep_freed_memory
from pd_ros.messages import diagnostic_status, marker_array
from pd_ros.parameters import SPECS, check, check_names, declare, read_settings, threshold_specs
from pd_ros.pointcloud import CloudError, check_cloud, cloud_layout
from pd_ros.settings import Settings
from pd_ros.statistics import Counts, Statistics, Throttle
from pd_ros.worker import LatestWorker

if TYPE_CHECKING:
    from pd_ros.detection.predictor import Predictor
    from pd_ros.detection.types import Detections

DEFAULT_CHECKPOINT = Path(__file__).parent / "weights" / "sim_student.safetensors"
_LOG_PERIOD_S = 5.0
_SUCCESS, _FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class DetectorNode(LifecycleNode):
    """Loads and warms up in configure, listens in activate, forgets the model in cleanup."""

    def __init__(self, name: str = "lidar_detector") -> None:
        super().__init__(name)
        self.add_on_set_parameters_callback(check)
        declare(self, SPECS)
        self.add_post_set_parameters_callback(self._refresh_settings)
        self.predictor: Predictor | None = None
        self.statistics = Statistics()
        self._settings = Settings()
        self._throttle = Throttle(_LOG_PERIOD_S)
        self._worker: LatestWorker[Arrival] | None = None
        self._subscription: CloudSubscription | None = None
        self._reported = Counts()

    @property
    def classes(self) -> Sequence[str]:
        """Class names of the model; none before configure."""
        return self.predictor.config.classes if self.predictor else ()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Read the model, warm it up, make the publishers."""
        return self._guarded("configure", self._configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start to listen and to answer."""
        return self._guarded("activate", self._activate)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; the cloud in work is still answered."""
        return self._guarded("deactivate", self._deactivate)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the model and its memory."""
        return self._guarded("cleanup", self._cleanup)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As deactivate and cleanup, from any state."""
        return self._guarded("shutdown", self.close)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to unconfigured, so that it can be tried again."""
        return self._guarded("error processing", self.close)

    def close(self) -> None:
        """Stop and forget everything; harmless in any state."""
        self._deactivate()
        if self.predictor is not None:
            self._cleanup()

    def _guarded(self, name: str, transition: Callable[[], None]) -> TransitionCallbackReturn:
        """Run a transition; rclpy itself would swallow what it raises without a word."""
        try:
            transition()
        except ValueError as error:  # the user's to correct: the text says how
            self.get_logger().error(f"{name}: {error}")
            return _FAILURE
        except Exception:
            if rclpy.ok():  # else it was told to stop, and fails because of that
                self.get_logger().error(f"{name} failed:\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR
        return _SUCCESS

    def _configure(self) -> None:
        path = self.get_parameter("model.checkpoint").value or str(DEFAULT_CHECKPOINT)
        predictor = load_detector(path, self.get_parameter("model.device").value)
        thresholds = threshold_specs(predictor.config.classes)
        # rclpy keeps what was given at the start only here, and accepts unknown names silently.
        given = list(self._parameter_overrides)
        check_names(given, [spec.name for spec in (*SPECS, *thresholds)])
        declare(self, thresholds)
        self.predictor = predictor
        self._refresh_settings([])
        self._detections = self.create_publisher(Detection3DArray, "detections", 1)
        self._markers = self.create_publisher(MarkerArray, "~/markers", 1)
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        period = self.get_parameter("diagnostics.period").value
        self._timer = self.create_timer(period, self._publish_diagnostics)
        self.get_logger().info(f"{predictor.config.name} from {path} on {predictor.device}")

    def _activate(self) -> None:
        worker = LatestWorker(self._answer, self._report)
        worker.start()
        self._worker = worker
        reliability = self.get_parameter("input.reliability").value
        self._subscription = CloudSubscription(self, reliability, self._on_cloud)
        self.get_logger().info(f"listening to {self._subscription.topic}")

    def _deactivate(self) -> None:
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None
        if self._worker is not None:
            worker, self._worker = self._worker, None
            self.statistics.add(dropped=worker.stop())

    def _cleanup(self) -> None:
        for spec in threshold_specs(self.classes):
            self.undeclare_parameter(spec.name)
        self.predictor = None
        self.destroy_timer(self._timer)
        for publisher in (self._detections, self._markers, self._diagnostics):
            self.destroy_publisher(publisher)

    def _refresh_settings(self, _changed: list[Parameter]) -> None:
        if self.predictor is not None:
            self._settings = read_settings(self, self.classes)

    def _on_cloud(self, message: PointCloud2) -> None:
        arrived_s = time.monotonic()
        self.statistics.add(received=1)
        layout = cloud_layout(message)
        try:
            check_cloud(layout, len(message.data))
        except CloudError as error:
            self.statistics.reject(error.reason)
            self._say(error.reason, f"cloud rejected: {error}")
            return
        assert self._worker is not None
        arrival = Arrival(message.header, layout, message.data, arrived_s)
        self.statistics.add(dropped=int(self._worker.put(arrival)))

    def _answer(self, arrival: Arrival) -> None:
        """On the worker's thread: one message for every accepted cloud, whatever happens."""
        assert self.predictor is not None
        settings = self._settings
        try:
            found = detect(self.predictor, arrival, settings)
        except Exception:
            self.statistics.add(failed=1)
            self._publish(arrival, None, settings)
            raise
        self.statistics.add(clipped=self.predictor.clipped)
        self._publish(arrival, found, settings)

    def _publish(self, arrival: Arrival, found: "Detections | None", settings: Settings) -> None:
        if found is None:
            self._detections.publish(Detection3DArray(header=arrival.header))
        else:
            self._detections.publish(detection_array_cdr(arrival.header, found, self.classes))
            if settings.markers and self._markers.get_subscription_count():
                self._markers.publish(marker_array(arrival.header, found, self.classes))
        latency_ms = 1000 * (time.monotonic() - arrival.arrived_s)
        self.statistics.answer(latency_ms, 0 if found is None else len(found.scores))

    def _report(self, error: Exception) -> None:
        trace = "".join(traceback.format_exception(error))
        self._say("failed", f"detection failed, an empty answer was sent:\n{trace}")

    def _say(self, key: str, text: str) -> None:
        if self._throttle.allows(key, time.monotonic()):
            self.get_logger().error(text)

    def _publish_diagnostics(self) -> None:
        if self._subscription is None:
            return
        counts = self.statistics.read()
        health = judge(self._reported, counts, self._subscription.publishers)
        self._reported = counts
        status: DiagnosticStatus = diagnostic_status(
            f"{self.get_name()}: clouds", self._subscription.topic,
            bytes([health.level.value]), health.text, health.values,
        )  # fmt: skip
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def main(arguments: list[str] | None = None) -> int:
    """Run the node until it is told to stop; returns the exit code."""
    keep_freed_memory()
    try:
        rclpy.init(args=arguments)
        node = DetectorNode()
    except KeyboardInterrupt:
        return 0
    except ValueError as error:
        sys.stderr.write(f"detector_node: {error}\n")
        rclpy.try_shutdown()
        return 1
    try:
        if node.get_parameter("autostart").value and not _start(node):
            return 1
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        if rclpy.ok():  # else it was told to stop while it started: not a failure
            raise
    finally:
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


def _start(node: DetectorNode) -> bool:
    """Configure and activate; returns whether both went well."""
    return bool(node.trigger_configure() == _SUCCESS and node.trigger_activate() == _SUCCESS)


if __name__ == "__main__":
    sys.exit(main())
