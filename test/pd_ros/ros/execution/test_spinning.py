"""A node that spins in a thread of its own, and a callback that does not come back."""

import os
import threading

import pytest

rclpy = pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")

from patience import PATIENCE_S  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402

from pd_ros.ros.execution import timers  # noqa: E402
from pd_ros.ros.execution.timers import spinning  # noqa: E402


def test_a_callback_that_hangs_is_an_error_at_the_end_not_a_wait_without_end(monkeypatch) -> None:
    monkeypatch.setattr(timers, "_END_S", 0.2)
    began, go_on = threading.Event(), threading.Event()
    rclpy.init(args=[])
    node = rclpy.create_node("hanging", namespace=f"/test_spinning_{os.getpid()}")
    try:

        def hang() -> None:
            began.set()
            go_on.wait(PATIENCE_S)

        node.create_timer(0.01, hang)
        with (
            pytest.raises(TimeoutError, match=r"node hanging: expected its callback to end"),
            spinning(node),
        ):
            assert began.wait(PATIENCE_S)
    finally:
        go_on.set()
        node.destroy_node()
        rclpy.try_shutdown()


@pytest.mark.parametrize("ended", [True, False])
def test_only_the_end_of_ros_in_the_middle_of_a_turn_is_no_failure(monkeypatch, ended) -> None:
    """rclpy's own handler of a signal ends the context while a thread builds its wait set."""
    failures, turned = [], threading.Event()
    monkeypatch.setattr(threading, "excepthook", failures.append)
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    node = rclpy.create_node(f"ended_{os.getpid()}", context=context)

    class Interrupted(SingleThreadedExecutor):
        def spin_once(self, timeout_sec: float | None = None) -> None:
            if ended:
                rclpy.try_shutdown(context=context)
            turned.set()
            raise RuntimeError("context is invalid")

    try:
        with spinning(node, Interrupted(context=context)):
            assert turned.wait(PATIENCE_S)
    finally:
        node.destroy_node()
        rclpy.try_shutdown(context=context)
    assert len(failures) == (not ended)
