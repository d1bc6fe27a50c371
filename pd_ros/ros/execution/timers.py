"""Timers that neither a recording nor a jump of the system's clock holds up."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.timer import Timer


def steady_timer(node: Node, period_s: float, callback: Callable[[], None]) -> Timer:
    """Call every ``period_s`` seconds of the machine.

    A node's own clock follows /clock with ``use_sim_time``: its timers stand still while a
    recording is paused, or before one is played.
    """
    return node.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))


_PATIENCE_S = 0.05
_END_S = 10.0  # of a callback in work


@contextmanager
def spinning(
    node: Node, executor: SingleThreadedExecutor | None = None
) -> Iterator[SingleThreadedExecutor]:
    """Spin a node in a thread of its own; the node stays when the thread ends.

    The thread ends quietly when ROS is shut down, as a signal does. Raises ``TimeoutError`` where
    a callback keeps it from ending; it ends with the process then.
    """
    executor = executor or SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    stop = threading.Event()

    def spin() -> None:
        try:
            while not stop.is_set():
                executor.spin_once(timeout_sec=_PATIENCE_S)
        except ExternalShutdownException:
            return
        except RuntimeError:  # of rclpy, where ROS ends in the middle of a turn
            if executor.context.ok():
                raise

    thread = threading.Thread(target=spin, name=node.get_name(), daemon=True)
    thread.start()
    try:
        yield executor
    finally:
        stop.set()
        thread.join(_END_S)
        if thread.is_alive():
            raise TimeoutError(
                f"node {node.get_name()}: expected its callback to end within {_END_S:g} s"
            )
        executor.shutdown()  # not while it spins: rclpy would fail in the callback in work
