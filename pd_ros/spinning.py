"""A node whose callbacks run beside the program."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

_PATIENCE_S = 0.05


@contextmanager
def spinning(
    node: Node, executor: SingleThreadedExecutor | None = None
) -> Iterator[SingleThreadedExecutor]:
    """Spin a node in a thread of its own; the node stays when the thread ends.

    The thread ends quietly when ROS is shut down, as a signal does.
    """
    executor = executor or SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    stop = threading.Event()

    def spin() -> None:
        with suppress(ExternalShutdownException):
            while not stop.is_set():
                executor.spin_once(timeout_sec=_PATIENCE_S)

    thread = threading.Thread(target=spin, name=node.get_name(), daemon=True)
    thread.start()
    try:
        yield executor
    finally:
        stop.set()
        thread.join()
        executor.shutdown()  # not while it spins: rclpy would fail in the callback in work
