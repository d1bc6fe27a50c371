"""Transforms by tf2, where it is installed."""

import threading
from typing import Any

from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.time import Time

from pd_ros.frames import Matrix, TransformError, rigid


class TfSource:
    """tf2's buffer, filled by a node and a thread of its own.

    The listener is not the detector's node: to wait for a transform there would keep it from
    coming. Raises ``ImportError`` where tf2_ros is missing.
    """

    def __init__(self, node: Node) -> None:
        import tf2_ros  # noqa: PLC0415

        self._error: type[Exception] = tf2_ros.TransformException
        self._buffer: Any = tf2_ros.Buffer()
        self._node = Node(
            f"{node.get_name()}_tf",
            namespace=node.get_namespace(),
            context=node.context,
            start_parameter_services=False,
            use_global_arguments=False,
            parameter_overrides=[node.get_parameter("use_sim_time")],
        )
        self._listener = tf2_ros.TransformListener(self._buffer, self._node, spin_thread=False)
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._executor.spin, name="tf", daemon=True)
        self._thread.start()

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

    def close(self) -> None:
        """Stop listening."""
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()


def open_transforms(node: Node) -> TfSource | None:
    """Listen to tf; None, and a word in the log, where tf2_ros is missing."""
    try:
        return TfSource(node)
    except ImportError as error:
        node.get_logger().warning(
            f"tf2_ros cannot be imported ({error}): clouds stay in their own frame, each is a"
            " single sweep; install ros-jazzy-tf2-ros for more"
        )
        return None
