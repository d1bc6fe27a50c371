"""A node whose callbacks run beside the program."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

_PATIENCE_S = 0.05


@contextmanager
def spinning(node: Node) -> Iterator[SingleThreadedExecutor]:
    """Spin a node in a thread of its own; the node stays when the thread ends."""
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    stop = threading.Event()

    def spin() -> None:
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
