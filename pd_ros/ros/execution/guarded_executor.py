"""An executor that goes on after an error in a callback; services answer all the same."""

import time
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.task import Task

Report = Callable[[str, Exception], None]  # what failed, and with what
_Work = Callable[[], Coroutine[Any, Any, None]]
_Take = Callable[[Any], _Work | None]
_MOST_IN_A_ROW, _PAUSE_S = 20, 0.05
_Callback = Callable[[Any, Any], Any]


class GuardedExecutor(SingleThreadedExecutor):
    """Runs callbacks one after the other; an error of one is reported, and the next one runs.

    rclpy's own executors raise it out of ``spin``. Where even taking a message failed, they leave
    the callback group occupied, so that to catch it there is not enough. A service whose callback
    fails is answered with a refusal. ``KeyboardInterrupt`` and its like pass.
    """

    def __init__(self, report: Report, context: Context) -> None:
        super().__init__(context=context)
        self._report = report
        self._in_a_row = 0

    def spin_once(self, timeout_sec: float | None = None) -> None:
        """Wait for a callback and run it.

        Raises ``ExternalShutdownException`` when ROS is shut down, and what keeps it from waiting
        many times in a row: that will not get better.
        """
        try:
            super().spin_once(timeout_sec)
        except ExternalShutdownException:
            raise
        except Exception as error:
            if not self.context.ok():
                raise ExternalShutdownException from error
            self._in_a_row += 1
            if self._in_a_row > _MOST_IN_A_ROW:
                raise
            self._tell("executor", error)
            time.sleep(_PAUSE_S)
        else:
            self._in_a_row = 0

    def _make_handler(self, entity: Any, node: Node, take_from_wait_list: _Take) -> "Task":
        if isinstance(entity, Service) and not isinstance(entity.callback, Refusing):
            entity.callback = Refusing(
                entity.callback, lambda error: self._tell(_name(entity), error)
            )
        return super()._make_handler(entity, node, self._guarded(take_from_wait_list))

    def _guarded(self, take: _Take) -> _Take:
        def take_safely(entity: Any) -> _Work | None:
            try:
                work = take(entity)
            except Exception as error:
                self._tell(_name(entity), error)
                return None
            return None if work is None else lambda: self._run(entity, work)

        return take_safely

    async def _run(self, entity: Any, work: _Work) -> None:
        try:
            await work()
        except ExternalShutdownException:
            raise
        except Exception as error:
            self._tell(_name(entity), error)

    def _tell(self, what: str, error: Exception) -> None:
        if not self.context.ok():
            return  # it was told to stop, and fails because of that
        with suppress(Exception):  # the report itself may want memory that there is not
            self._report(what, error)


def describe_failure(what: str, error: Exception) -> str:
    """Return what a log says about a callback that failed."""
    trace = "".join(traceback.format_exception(error))
    return f"{what} failed, the node goes on:\n{trace}"


def subscription_name(topic: str) -> str:
    """Return what a report calls the subscription of a topic that failed."""
    return f"subscription of {topic}"


def _name(entity: Any) -> str:
    if isinstance(entity, Service):
        return f"service {entity.srv_name}"
    if isinstance(entity, Subscription):
        return subscription_name(entity.topic_name)
    return type(entity).__name__.lower()


class Refusing:
    """A service's callback that answers with a refusal where the one inside raises an error.

    In a refusal ``success`` or ``successful`` is false, with the reason where there is a place for
    it, and lists are empty. Parameters that are set one by one are refused one by one.
    """

    def __init__(self, callback: _Callback, report: Callable[[Exception], None]) -> None:
        self._callback = callback
        self._report = report

    def __call__(self, request: Any, response: Any) -> Any:
        """Answer a request of the service."""
        if not isinstance(request, SetParameters.Request):
            return self._answer(request, response)
        for parameter in request.parameters:
            alone = SetParameters.Request(parameters=[parameter])
            response.results += self._answer(alone, SetParameters.Response()).results
        return response

    def _answer(self, request: Any, response: Any) -> Any:
        try:
            return self._callback(request, response)
        except Exception as error:
            self._report(error)
            return _refusal(
                type(response)(), f"{type(error).__name__}: {error}; see the node's log"
            )


def _refusal(response: Any, reason: str) -> Any:
    result = SetParametersResult(successful=False, reason=reason)
    if isinstance(response, SetParameters.Response):
        response.results = [result]
    elif isinstance(response, SetParametersAtomically.Response):
        response.result = result
    return response
