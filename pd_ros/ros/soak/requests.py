"""Requests that the active node has to refuse, and a client that counts whether it does."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node

from pd_ros.ros.soak.report import Requests


def _transition(number: int = 0, label: str = "") -> ChangeState.Request:
    return ChangeState.Request(transition=Transition(id=number, label=label))


def _parameter(name: str, kind: int, **value: Any) -> SetParameters.Request:
    parameter = Parameter(name=name, value=ParameterValue(type=kind, **value))
    return SetParameters.Request(parameters=[parameter])


_INTEGER, _DOUBLE = ParameterType.PARAMETER_INTEGER, ParameterType.PARAMETER_DOUBLE
_STRING, _NOT_SET = ParameterType.PARAMETER_STRING, ParameterType.PARAMETER_NOT_SET
_THRESHOLD = "postprocess.score_threshold.default"

REQUESTS = (
    _transition(Transition.TRANSITION_ACTIVATE),
    _transition(Transition.TRANSITION_CONFIGURE),
    _transition(Transition.TRANSITION_CLEANUP),
    _transition(213),
    _transition(label="fly"),
    _parameter(_THRESHOLD, _DOUBLE, double_value=7.0),
    _parameter(_THRESHOLD, _DOUBLE, double_value=float("nan")),
    _parameter(_THRESHOLD, _STRING, string_value="high"),
    _parameter(_THRESHOLD, _NOT_SET),
    _parameter("postprocess.max_detections", _INTEGER, integer_value=0),
    _parameter("model.checkpoint", _STRING, string_value="other.safetensors"),
    _parameter("modell.checkpoint", _STRING, string_value="other.safetensors"),
    _parameter("", _INTEGER, integer_value=1),
)


class RequestClient:
    """Asks the detector for what it has to refuse; the node of the client must spin."""

    def __init__(self, node: Node, detector: str) -> None:
        types = {ChangeState: "change_state", SetParameters: "set_parameters"}
        self._clients = {
            kind.Request: node.create_client(kind, f"{detector}/{name}")
            for kind, name in types.items()
        }
        self._lock = threading.Lock()
        self._counts = Requests()

    def ask(self, rng: np.random.Generator) -> None:
        """Send any of the requests; the answer is counted when it comes."""
        request = REQUESTS[rng.integers(len(REQUESTS))]
        with self._lock:
            self._counts = self._counts._replace(asked=self._counts.asked + 1)
        self._clients[type(request)].call_async(request).add_done_callback(self._on_answer)

    def result(self) -> Requests:
        """Return what became of the requests so far."""
        with self._lock:
            return self._counts

    def _on_answer(self, future: Any) -> None:
        if _is_refusal(future.result()):
            with self._lock:
                self._counts = self._counts._replace(refused=self._counts.refused + 1)


def _is_refusal(response: Any) -> bool:
    results: Sequence[Any] = getattr(response, "results", [])
    if results:
        return not any(result.successful for result in results)
    return getattr(response, "success", None) is False
