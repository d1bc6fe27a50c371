"""One cloud of a running topic."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import rclpy
from rclpy.node import Node

from pd_ros.pointcloud.cdr import CloudMessage
from pd_ros.ros.cloud_subscription import TOPIC, CloudSubscription
from pd_ros.ros.execution.timers import spinning
from pd_ros.ros.fastdds import free_ports
from pd_ros.runtime.diagnostics.silence import Input, explain_silence

_LOOK_S = 0.02


def receive_cloud(topic: str, timeout_s: float) -> CloudMessage:
    """Wait for one cloud.

    A ``ValueError`` says who publishes the topic if none comes, or what is wrong with its bytes.
    """
    with _node(topic) as node, spinning(node):
        heard: list[CloudMessage] = []
        unreadable: list[str] = []
        subscription = CloudSubscription(
            node, "auto", 1, True, heard.append, lambda _lost: None, unreadable.append
        )
        end_s = time.monotonic() + timeout_s
        while not heard and not unreadable and time.monotonic() < end_s:
            time.sleep(_LOOK_S)
        reliability = subscription.reliability.name.lower()
        seen = Input(subscription.publishers, reliability=reliability)
    if heard:
        return heard[0]
    if unreadable:
        raise ValueError(f"{topic}: {unreadable[0]}; look for what is wrong with its publisher")
    raise ValueError(
        f"{topic}: expected a cloud within {timeout_s} s, got none:"
        f" {explain_silence(seen)}; compare with"
        " `ros2 topic list -t`"
    )


@contextmanager
def _node(topic: str) -> Iterator[Node]:
    free_ports("inspect_cloud")
    context = rclpy.Context()
    rclpy.init(args=["--ros-args", "-r", f"{TOPIC}:={topic}"], context=context)
    try:
        yield Node(f"inspect_cloud_{os.getpid()}", context=context, enable_rosout=False)
    finally:
        with suppress(RuntimeError):  # rclpy's own handler of a signal may be doing it just now
            rclpy.try_shutdown(context=context)
