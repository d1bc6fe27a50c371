"""The detector as a lifecycle node: clouds on ``points``, boxes on ``detections``."""

import gc
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rclpy
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter

from pd_ros.process.memory import give_back_memory, imports_without_gc
from pd_ros.ros.cloud_subscription import TOPIC
from pd_ros.ros.execution.guarded_executor import Report, describe_failure, subscription_name
from pd_ros.ros.execution.lifecycle_requests import CheckedLifecycleNode
from pd_ros.ros.execution.topic_names import check_topics
from pd_ros.ros.parameters import declare, make_check, values_of
from pd_ros.ros.tf_source import open_transforms
from pd_ros.runtime.autoware_labels import describe_labels
from pd_ros.runtime.diagnostics.silence import CLOUD_TYPE
from pd_ros.runtime.diagnostics.status import CALLBACK_FAILED, NOT_TAKEN
from pd_ros.runtime.parameters.read import default_values, read_settings, read_startup
from pd_ros.runtime.parameters.rules import check_names
from pd_ros.runtime.parameters.specs import SPECS, Spec, class_specs
from pd_ros.runtime.settings import VISION_MSGS, Settings, StartupParameters
from pd_ros.runtime.statistics import Statistics, Throttle

if TYPE_CHECKING:  # torch takes a second to import; the node is there before that
    from pd_ros.detection.predictor import Predictor
    from pd_ros.ros.engine import Engine

DEFAULT_CHECKPOINT = Path(__file__).parents[1] / "weights" / "sim_student.safetensors"
LOST_DEVICE = 70  # exit code: start the process again
_LOG_PERIOD_S = 5.0
_STOP_S, _END_S = 5.0, 2.0  # for the cloud in work: in a transition, at the end of the process
_TOPICS = {
    TOPIC: CLOUD_TYPE,
    "detections": "vision_msgs/msg/Detection3DArray",
    "~/objects": "autoware_perception_msgs/msg/DetectedObjects",
    "~/markers": "visualization_msgs/msg/MarkerArray",
    "~/transition_event": "lifecycle_msgs/msg/TransitionEvent",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
}
_SUCCESS, _FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class DetectorNode(CheckedLifecycleNode):
    """Loads and warms up in configure, listens in activate, forgets the model in cleanup.

    ``open_transforms`` gives a ``TransformSource`` with a ``close``, or None where there is none.
    """

    def __init__(
        self,
        name: str = "lidar_detector",
        open_transforms: Callable[[Node, Report], Any] = open_transforms,
    ) -> None:
        super().__init__(name)
        check_topics(self, _TOPICS)
        self.engine: Engine | None = None
        self.add_on_set_parameters_callback(make_check(self, lambda: self.engine is not None))
        declare(self, SPECS)
        self.add_post_set_parameters_callback(self._refresh_settings)
        self._open_transforms = open_transforms
        self.statistics = Statistics()
        self._throttle = Throttle(_LOG_PERIOD_S)
        self._class_specs: list[Spec] = []  # of the last model
        self._past_names: set[str] = set()  # parameters of the classes of all models so far
        self.exit_code = 0

    def begin(self) -> bool:
        """Configure and activate, if that is asked for; returns whether all went well."""
        if not self.get_parameter("autostart").value:
            return True
        done = self.trigger_configure() == _SUCCESS and self.trigger_activate() == _SUCCESS
        self.exit_code = 0 if done else 1
        return bool(done)

    @property
    def predictor(self) -> "Predictor | None":
        """The model; none before configure."""
        return self.engine.predictor if self.engine else None

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
        return self._guarded("shutdown", self._forget)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to unconfigured, so that it can be tried again."""
        return self._guarded("error processing", self._forget)

    def close(self) -> None:
        """Stop and forget everything, at the end of the process; harmless in any state."""
        self._forget(_END_S)

    def note_failure(self, what: str, error: Exception) -> None:
        """Log and count a callback that raised an error; the diagnostics show it."""
        self.statistics.note(CALLBACK_FAILED)
        if what == subscription_name(self.resolve_topic_name(TOPIC)):
            self.statistics.note(NOT_TAKEN)
        if self._throttle.allows(what, time.monotonic()):
            self.get_logger().error(describe_failure(what, error))

    def _forget(self, timeout_s: float = _STOP_S) -> None:
        self._deactivate(timeout_s)
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
                self.statistics.note(CALLBACK_FAILED)
                self.get_logger().error(f"{name} failed:\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR
        return _SUCCESS

    def _configure(self) -> None:
        with imports_without_gc():
            from pd_ros.ros.engine import Engine  # noqa: PLC0415
            from pd_ros.runtime.model_loading import load_detector  # noqa: PLC0415

        startup = read_startup(values_of(self), str(DEFAULT_CHECKPOINT))
        predictor = load_detector(startup)
        classes = predictor.config.classes
        own = class_specs(classes)
        self._check_overrides(own)
        transforms = self._transforms_for(startup, predictor)
        value = default_values([*SPECS, *own]).__getitem__  # until its classes have parameters
        with ExitStack() as undo:  # what fails changes nothing
            if transforms is not None:
                undo.callback(transforms.close)
            engine = Engine(
                self, predictor, startup, read_settings(value, classes, predictor.thresholds),
                transforms, self.statistics, self._end_lost, self.note_failure,
            )  # fmt: skip
            undo.pop_all()
            undo.callback(engine.close)
            self._declare_classes(own)
            undo.pop_all()
        self.engine = engine
        self._refresh_settings([])
        self.get_logger().info(
            f"{predictor.config.name} from {startup.checkpoint} on {predictor.device}"
        )
        if startup.message != VISION_MSGS:
            names, labels = engine.settings.names, engine.settings.autoware_labels
            self.get_logger().info(describe_labels(classes, names, labels))

    def _check_overrides(self, own: Sequence[Spec]) -> None:
        """Raise ``ValueError`` for a parameter given at the start that no model so far had.

        rclpy keeps what was given at the start only here, and accepts unknown names silently.
        """
        old = {spec.name for spec in self._class_specs}
        others = [name for name in self.get_parameters_by_prefix("") if name not in old]
        known = [*others, *(spec.name for spec in own)]
        given = [name for name in self._parameter_overrides if name not in self._past_names]
        check_names(given, known)

    def _transforms_for(self, startup: StartupParameters, predictor: "Predictor") -> Any:
        """Transforms, if they are needed; ``ValueError`` where what was asked cannot be done."""
        wanted = {
            "input.sensor_frame": startup.sensor_frame,
            "output.frame_id": startup.output_frame_id,
        }
        asked = [name for name, frame in wanted.items() if frame]
        if not asked and "time_lag" not in predictor.config.features:
            return None
        transforms = self._open_transforms(self, self.note_failure)
        if asked and transforms is None:
            raise ValueError(
                f"{', '.join(asked)}: needs tf2_ros, which cannot be imported; install"
                " ros-jazzy-tf2-ros, or leave it empty"
            )
        return transforms

    def _activate(self) -> None:
        assert self.engine is not None
        topic = self.engine.start()
        self.get_logger().info(f"listening to {topic}")

    def _deactivate(self, timeout_s: float = _STOP_S) -> None:
        if self.engine is not None:
            self.engine.stop(timeout_s)

    def _cleanup(self) -> None:
        if self.engine is None:
            return
        engine, self.engine = self.engine, None
        engine.close()
        del engine
        gc.collect()
        give_back_memory()

    def _declare_classes(self, own: list[Spec]) -> None:
        """Have the parameters of a model's classes; those that were there keep their values.

        Raises ``ValueError`` for a bad value given at the start; then all are as before.
        """
        new = [spec for spec in own if not self.has_parameter(spec.name)]
        try:
            declare(self, new)
        except ValueError:
            for spec in new:
                if self.has_parameter(spec.name):
                    self.undeclare_parameter(spec.name)
            raise
        for spec in self._class_specs:
            if spec not in own:
                self._undeclare(spec)
        self._class_specs = own
        self._past_names |= {spec.name for spec in own}

    def _undeclare(self, spec: Spec) -> None:
        value = self.get_parameter(spec.name).value
        if value != spec.default:
            self.get_logger().warning(
                f"{spec.name}: {value!r} is forgotten, for the model has no such class"
            )
        self.undeclare_parameter(spec.name)

    def _refresh_settings(self, _changed: list[Parameter]) -> None:
        if self.engine is not None:
            self.engine.settings = self._read_settings(self.engine.predictor)

    def _read_settings(self, predictor: "Predictor") -> Settings:
        return read_settings(values_of(self), predictor.config.classes, predictor.thresholds)

    def _end_lost(self) -> None:
        self.exit_code = LOST_DEVICE
        self.context.try_shutdown()
