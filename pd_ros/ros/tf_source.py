"""Transforms by tf2, where it is installed."""

from contextlib import ExitStack
from typing import Any

from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time

from pd_ros.ros.execution.guarded_executor import GuardedExecutor, Report
from pd_ros.ros.execution.timers import spinning
from pd_ros.runtime.transforms import Matrix, TransformError, rigid

_TOPICS = ("/tf", "/tf_static")


class TfSource:
    """tf2's buffer, filled by a node and a thread of its own.

    The listener is not the detector's node: to wait for a transform there would keep it from
    coming. It hears what the detector's names for tf's topics are remapped to. Raises
    ``ImportError`` where tf2_ros is missing; errors in its callbacks go to ``report``.
    """

    def __init__(self, node: Node, report: Report) -> None:
        import tf2_ros  # noqa: PLC0415

        self._error: type[Exception] = tf2_ros.TransformException
        self._buffer: Any = tf2_ros.Buffer()
        remaps = [f"{topic}:={node.resolve_topic_name(topic)}" for topic in _TOPICS]
        self._node = Node(
            f"{node.get_name()}_tf",
            namespace=node.get_namespace(),
            context=node.context,
            start_parameter_services=False,
            use_global_arguments=False,
            cli_args=["--ros-args", *(word for remap in remaps for word in ("-r", remap))],
            parameter_overrides=[node.get_parameter("use_sim_time")],
        )
        self._listener = tf2_ros.TransformListener(self._buffer, self._node, spin_thread=False)
        self._spinning = ExitStack()
        self._spinning.enter_context(spinning(self._node, GuardedExecutor(report, node.context)))

    def lookup(self, target: str, source: str, stamp_ns: int, timeout_s: float) -> Matrix:
        """See ``TransformSource``."""
        try:
            found = self._buffer.lookup_transform(
                target, source, Time(nanoseconds=stamp_ns), Duration(seconds=timeout_s)
            ).transform
        except self._error as error:
            raise TransformError(f"{target} from {source}: {error}") from error
        move, turn = found.translation, found.rotation
        return rigid((move.x, move.y, move.z), (turn.x, turn.y, turn.z, turn.w))

    def clear(self) -> None:
        """See ``TransformSource``; tf2's own buffer keeps static transforms."""
        self._buffer.clear()

    def close(self) -> None:
        """Stop listening."""
        self._spinning.close()
        self._node.destroy_node()


def open_transforms(node: Node, report: Report) -> TfSource | None:
    """Listen to tf; None, and a word in the log, where tf2_ros is missing."""
    try:
        return TfSource(node, report)
    except ImportError as error:
        node.get_logger().warning(
            f"tf2_ros cannot be imported ({error}): clouds stay in their own frame, each is a"
            " single sweep; install ros-jazzy-tf2-ros for more"
        )
        return None
