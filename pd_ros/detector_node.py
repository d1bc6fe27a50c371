"""The detector as a lifecycle node: clouds on ``points``, boxes on ``detections``."""

import gc
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rclpy
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter

from pd_ros.memory import give_back_memory
from pd_ros.parameter_rules import check_names
from pd_ros.parameter_specs import SPECS, class_specs
from pd_ros.parameters import declare, make_check, read_settings, read_setup
from pd_ros.settings import Setup
from pd_ros.statistics import Statistics
from pd_ros.tf_source import open_transforms

if TYPE_CHECKING:  # torch takes a second to import; the node is there before that
    from pd_ros.detection.predictor import Predictor
    from pd_ros.engine import Engine

DEFAULT_CHECKPOINT = Path(__file__).parent / "weights" / "sim_student.safetensors"
LOST_DEVICE = 70  # exit code: start the process again
_SUCCESS, _FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class DetectorNode(LifecycleNode):
    """Loads and warms up in configure, listens in activate, forgets the model in cleanup.

    ``open_transforms`` gives a ``TransformSource`` with a ``close``, or None where there is none.
    """

    def __init__(
        self,
        name: str = "lidar_detector",
        open_transforms: Callable[[Node], Any] = open_transforms,
    ) -> None:
        super().__init__(name)
        self.add_on_set_parameters_callback(make_check(self))
        declare(self, SPECS)
        self.add_post_set_parameters_callback(self._refresh_settings)
        self._open_transforms = open_transforms
        self.statistics = Statistics()
        self.engine: Engine | None = None
        self._class_parameters: list[str] = []
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
        return self._guarded("shutdown", self.close)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to unconfigured, so that it can be tried again."""
        return self._guarded("error processing", self.close)

    def close(self) -> None:
        """Stop and forget everything; harmless in any state."""
        self._deactivate()
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
        from pd_ros.engine import Engine  # noqa: PLC0415
        from pd_ros.loading import load_detector  # noqa: PLC0415

        setup = read_setup(self, str(DEFAULT_CHECKPOINT))
        predictor = load_detector(setup)
        self._undeclare_class_parameters()  # of a configure that failed
        own = class_specs(predictor.config.classes)
        # rclpy keeps what was given at the start only here, and accepts unknown names silently.
        check_names(list(self._parameter_overrides), [spec.name for spec in (*SPECS, *own)])
        declare(self, own)
        self._class_parameters = [spec.name for spec in own]
        transforms = self._transforms_for(setup, predictor)
        try:
            self.engine = Engine(
                self, predictor, setup, transforms, self.statistics, self._end_lost
            )
        except BaseException:
            if transforms is not None:
                transforms.close()
            raise
        self._refresh_settings([])
        self.get_logger().info(
            f"{predictor.config.name} from {setup.checkpoint} on {predictor.device}"
        )

    def _transforms_for(self, setup: Setup, predictor: "Predictor") -> Any:
        """Transforms, if they are needed; ``ValueError`` where what was asked cannot be done."""
        wanted = {"input.sensor_frame": setup.sensor_frame, "output.frame_id": setup.output_frame}
        asked = [name for name, frame in wanted.items() if frame]
        if not asked and "time_lag" not in predictor.config.features:
            return None
        transforms = self._open_transforms(self)
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

    def _deactivate(self) -> None:
        if self.engine is not None:
            self.engine.stop()

    def _cleanup(self) -> None:
        if self.engine is None:
            return
        engine, self.engine = self.engine, None
        self._undeclare_class_parameters()
        engine.close()
        del engine
        gc.collect()
        give_back_memory()

    def _undeclare_class_parameters(self) -> None:
        for name in self._class_parameters:
            self.undeclare_parameter(name)
        self._class_parameters = []

    def _refresh_settings(self, _changed: list[Parameter]) -> None:
        if self.engine is not None:
            classes = self.engine.predictor.config.classes
            self.engine.settings = read_settings(self, classes)

    def _end_lost(self) -> None:
        self.exit_code = LOST_DEVICE
        self.context.try_shutdown()
