"""Watch a detector, a player and a recorder from beside them."""

import time
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import GetState
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.task import Future
from rclpy.topic_endpoint_info import TopicEndpointInfo
from rosbag2_interfaces.srv import Resume
from vision_msgs.msg import Detection3DArray

from pd_ros.ros.bag.commands import PLAYER, RECORDER
from pd_ros.ros.messages import import_detected_objects

ACTIVE = "active"
DIAGNOSTICS = "/diagnostics"
_PLAYER, _RECORDER = f"/{PLAYER}", f"/{RECORDER}"
_LOOK_S = 0.02


class LiveBagClient(Node):
    """In the detector's namespace and with its remappings: so it knows where that listens.

    ``compare``: whether a teacher is there, too.
    """

    def __init__(self, compare: bool) -> None:
        super().__init__("live_bag")
        space = self.get_namespace().rstrip("/")
        names = ("points", "detections", "lidar_detector/objects", "lidar_comparison/comparison")
        self.clouds, detections, objects, comparison = map(self.resolve_topic_name, names)
        # each node, what its diagnostics are about, and what it answers on: one of these or all
        self._detectors = [(f"{space}/lidar_detector", self.clouds, [detections, objects])]
        if compare:
            self._detectors.append((f"{space}/lidar_comparison", detections, [comparison]))
        self.nodes = [node for node, *_ in self._detectors]
        self.outputs = [*chain(*(outputs for *_, outputs in self._detectors)), DIAGNOSTICS]
        self._answers: dict[str, int] = {detections: 0, objects: 0}
        self._timed: set[str] = set()  # what the nodes that know the time are about
        self._states = self.create_client(GetState, f"{self.nodes[0]}/get_state")
        self._player = self.create_client(Resume, f"{_PLAYER}/resume")
        # best effort: nothing here holds up the publishers
        quick = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
        for topic, kind in ((detections, Detection3DArray), (objects, _detected_objects())):
            if kind is not None:
                count = partial(self._on_answer, topic)
                self.create_subscription(kind, topic, count, quick, raw=True)
        self.create_subscription(DiagnosticArray, DIAGNOSTICS, self._on_diagnostics, quick)

    @property
    def answers(self) -> int:
        """Return how many answers were heard, on the topic that has most."""
        return self._answers[self.answered]

    @property
    def answered(self) -> str:
        """The topic of most answers."""
        return max(self._answers, key=lambda topic: self._answers[topic])

    def state(self, patience_s: float) -> str | None:
        """Lifecycle state of the detector, as ``ACTIVE``; None if it does not answer."""
        if not self._states.service_is_ready():
            time.sleep(_LOOK_S)
            return None
        found = _result(self._states.call_async(GetState.Request()), patience_s)
        return found.current_state.label if found is not None else None

    def is_player_there(self) -> bool:
        """Whether a player can be told to resume."""
        return bool(self._player.service_is_ready())

    def resume(self, patience_s: float) -> None:
        """Let the player play; ``TimeoutError`` if it does not answer."""
        if _result(self._player.call_async(Resume.Request()), patience_s) is None:
            raise TimeoutError(f"{PLAYER}: expected an answer within {patience_s} s")

    def missing(self, recorded: bool) -> str:
        """Say what is not connected yet; nothing when all of it is.

        ``recorded``: whether there is a recorder, too.
        """
        return next(self._missing(recorded), "")

    def _missing(self, recorded: bool) -> Iterator[str]:
        if not self.is_player_there():
            yield f"{_PLAYER} cannot be resumed"
        if _PLAYER not in self._publishing(self.clouds):
            yield f"{_PLAYER} does not publish {self.clouds}"
        listeners = _names(self.get_subscriptions_info_by_topic(self.clouds))
        published = [DIAGNOSTICS]
        for node, about, outputs in self._detectors:
            if node not in listeners:
                yield f"{node} does not listen to {self.clouds}"
            own = [name for name in outputs if node in self._publishing(name)]
            published += own
            if not own:
                yield f"{node} does not publish {' or '.join(outputs)}"
            if about not in self._timed:  # with the player's clock it has found the player
                yield f"{node} does not tell the time of the recording on {DIAGNOSTICS}"
        for topic in published if recorded else ():
            if _RECORDER not in _names(self.get_subscriptions_info_by_topic(topic)):
                yield f"{_RECORDER} does not listen to {topic}"

    def _publishing(self, topic: str) -> set[str]:
        return _names(self.get_publishers_info_by_topic(topic))

    def _on_answer(self, topic: str, _message: bytes) -> None:
        self._answers[topic] += 1

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        if message.header.stamp.sec or message.header.stamp.nanosec:
            self._timed |= {status.hardware_id for status in message.status}


def _result(future: Future, patience_s: float) -> "GetState.Response | Resume.Response | None":
    """Return what a service answers, while the node spins elsewhere; None after a while."""
    end_s = time.monotonic() + patience_s
    while not future.done():
        if time.monotonic() > end_s:
            future.cancel()
            return None
        time.sleep(_LOOK_S)
    return future.result()


def _detected_objects() -> Any:
    """Return the class of Autoware's messages; None without them: then no detector sends them."""
    try:
        return import_detected_objects()
    except ValueError:
        return None


def _names(ends: list[TopicEndpointInfo]) -> set[str]:
    """Full names of the nodes of some publishers or subscriptions."""
    return {f"{end.node_namespace.rstrip('/')}/{end.node_name}" for end in ends}
