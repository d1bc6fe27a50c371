"""The executor against rclpy's entities, each of which fails before it works."""

import os
import time

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

import rclpy
from patience import PATIENCE_S
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.executors import ExternalShutdownException
from std_msgs.msg import String

from pd_ros.ros.execution.guarded_executor import GuardedExecutor, describe_failure


@pytest.fixture
def node():
    rclpy.init(args=[])
    node = rclpy.create_node("guarded", namespace=f"/test_guarded_{os.getpid()}")
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture
def said():
    return []


@pytest.fixture
def executor(node, said):
    executor = GuardedExecutor(lambda what, error: said.append((what, repr(error))), node.context)
    executor.add_node(node)
    yield executor
    executor.remove_node(node)
    executor.shutdown()


class FailsFirst:
    """A callback that raises an error the first times it is called."""

    def __init__(self, error: BaseException, times: int = 1) -> None:
        self._error, self._left, self.worked = error, times, 0

    def __call__(self, *arguments):
        if self._left:
            self._left -= 1
            raise self._error
        self.worked += 1
        return arguments[-1] if arguments else None


def spin_until(executor, done, act=lambda: None) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not done():
        act()
        executor.spin_once(timeout_sec=0.05)
        assert time.monotonic() < end_s


@pytest.mark.parametrize("error", [MemoryError("full"), RuntimeError("no bytes"), KeyError("x")])
def test_a_timer_that_fails_is_called_again(node, executor, said, error) -> None:
    callback = FailsFirst(error, times=2)
    node.create_timer(0.001, callback)
    spin_until(executor, lambda: callback.worked)
    assert said == [("timer", repr(error))] * 2


def test_a_message_that_cannot_even_be_taken_holds_up_nothing(node, executor, said) -> None:
    heard = []
    node.create_subscription(String, "topic", heard.append, 10)
    take, error = executor._take_subscription, MemoryError("full")
    first = FailsFirst(error)
    executor._take_subscription = lambda sub: take(first(sub))
    publisher = node.create_publisher(String, "topic", 10)
    spin_until(executor, lambda: heard, lambda: publisher.publish(String(data="a")))
    assert said == [(f"subscription of {publisher.topic_name}", repr(error))]


def test_a_service_that_fails_answers_with_a_refusal(node, executor, said) -> None:
    callback = FailsFirst(ValueError("nonsense"))
    node.create_service(DescribeParameters, "describe", callback)
    client = node.create_client(DescribeParameters, "describe")
    for _ in range(2):
        future = client.call_async(DescribeParameters.Request(names=["a"]))
        spin_until(executor, future.done)
        assert future.result() == DescribeParameters.Response()
    assert callback.worked == 1
    assert [what for what, _ in said] == [f"service {client.srv_name}"]


def test_parameters_are_refused_one_by_one(node, executor, said) -> None:
    for name in ("a", "b"):
        node.declare_parameter(name, 1)
    node.add_post_set_parameters_callback(FailsFirst(OSError("full")))
    client = node.create_client(SetParameters, "guarded/set_parameters")
    given = [rclpy.Parameter(name, value=2).to_parameter_msg() for name in ("a", "b")]
    future = client.call_async(SetParameters.Request(parameters=given))
    spin_until(executor, future.done)
    results = future.result().results
    assert [result.successful for result in results] == [False, True]
    assert results[0].reason == "OSError: full; see the node's log"
    assert len(said) == 1


def test_what_fails_in_the_report_is_survived_too(node) -> None:
    executor = GuardedExecutor(FailsFirst(MemoryError("full"), times=100), node.context)
    executor.add_node(node)
    callback = FailsFirst(RuntimeError("once"))
    node.create_timer(0.001, callback)
    spin_until(executor, lambda: callback.worked)
    executor.remove_node(node)


def test_a_task_that_fails_is_reported(executor, said) -> None:
    callback = FailsFirst(RuntimeError("once"))
    executor.create_task(callback)
    spin_until(executor, lambda: said)
    executor.create_task(callback)
    spin_until(executor, lambda: callback.worked)


def test_what_never_gets_better_is_raised_in_the_end(executor, said, monkeypatch) -> None:
    monkeypatch.setattr("pd_ros.ros.execution.guarded_executor._PAUSE_S", 0.0)
    fails = FailsFirst(RuntimeError("no wait set"), times=10**6)
    executor.wait_for_ready_callbacks = fails
    with pytest.raises(RuntimeError, match="no wait set"):
        executor.spin()
    assert len(said) == 20


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ExternalShutdownException()])
def test_what_is_to_stop_the_program_stops_it(node, executor, said, error) -> None:
    node.create_timer(0.001, FailsFirst(error))
    with pytest.raises(type(error)):
        executor.spin()
    assert said == []


def test_after_a_shutdown_errors_are_its_consequence(node, executor, said) -> None:
    def callback() -> None:
        rclpy.shutdown()
        raise RuntimeError("no context")

    node.create_timer(0.001, callback)
    with pytest.raises(ExternalShutdownException):
        while True:
            executor.spin_once()
    assert said == []


def test_the_log_has_the_trace() -> None:
    try:
        {}["a"]
    except KeyError as error:
        text = describe_failure("timer", error)
    assert text.startswith("timer failed, the node goes on:\nTraceback")
    assert "KeyError: 'a'" in text
