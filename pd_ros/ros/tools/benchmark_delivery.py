"""Count the large clouds that arrive: default transport against the Fast DDS profile that ships.

python -m pd_ros.benchmark_delivery --json delivery.json
"""

import argparse
import json
import os
import subprocess
import sys
import time
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import PointCloud2, PointField

from pd_ros.pointcloud.cdr import parse_cloud
from pd_ros.process.run_command import command_parser, run_command
from pd_ros.ros.execution.timers import spinning
from pd_ros.ros.fastdds import PROFILE_VARIABLE, find_profile, free_ports

_SIZES = (120_000, 750_000)  # points of 16 bytes: 1.92 MB, 12 MB
_START_S, _LAST_S = 60.0, 2.0
_SPARE_S = 60.0  # beyond what a sender waits and sends: its imports and its end
_RELIABILITY = {
    "best effort": ReliabilityPolicy.BEST_EFFORT,
    "reliable": ReliabilityPolicy.RELIABLE,
}


class Case(NamedTuple):
    """One line of the table."""

    profile: bool
    reliability: str
    points: int


class Delivery(NamedTuple):
    """What came of the clouds that were sent."""

    sent: int
    received: int
    latency_ms: tuple[float, float] | None  # p50, p95 from publishing to the callback


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parse(arguments)
    return run_command("pd_ros.benchmark_delivery", lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    if options.send:
        _send(options.send[0], options.send[1], int(options.send[2]), options.clouds, options.rate)
        return
    cases = [
        Case(profile, name, points)
        for points in options.points
        for profile in (False, True)
        for name in _RELIABILITY
    ]
    rows = []
    for case in cases:
        found = _in_own_process(case, options)
        rows.append({**case._asdict(), **found._asdict()})
        sys.stdout.write(_line(case, found) + "\n")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _in_own_process(case: Case, options: argparse.Namespace) -> Delivery:
    """Measure one case; the middleware reads its profile once in a process' life."""
    command = [sys.executable, "-m", "pd_ros.benchmark_delivery", "--clouds", str(options.clouds),
               "--rate", str(options.rate)]  # fmt: skip
    names = (f"/delivery_{os.getpid()}", case.reliability, str(case.points))
    environment = {name: value for name, value in os.environ.items() if name != PROFILE_VARIABLE}
    if case.profile:
        environment[PROFILE_VARIABLE] = str(find_profile())
    longest_s = _START_S + options.clouds / options.rate + _LAST_S + _SPARE_S
    sender = subprocess.Popen([*command, "--send", *names], env=environment)
    try:
        return _listen(names[0], case, options.clouds, sender, longest_s)
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"the sender: expected it to end within {longest_s:g} s") from None
    finally:
        sender.kill()
        sender.wait()


def _listen(
    topic: str, case: Case, clouds: int, sender: "subprocess.Popen[bytes]", longest_s: float
) -> Delivery:
    """Count what arrives until the sender has ended; its profile is what matters."""
    free_ports("benchmark_delivery")
    context = rclpy.Context()
    rclpy.init(args=[], context=context)
    taken_ms: list[float] = []

    def on_cloud(cdr: bytes) -> None:
        sent_s = parse_cloud(cdr).header.stamp.ns / 1e9
        taken_ms.append(1000 * (time.monotonic() - sent_s))

    try:
        node = Node("delivery_listener", context=context)
        profile = QoSProfile(depth=1, reliability=_RELIABILITY[case.reliability])
        node.create_subscription(PointCloud2, topic, on_cloud, profile, raw=True)
        with spinning(node):
            sender.wait(longest_s)
            time.sleep(0.2)
    finally:
        rclpy.try_shutdown(context=context)
    late = np.percentile(taken_ms, (50, 95)).tolist() if taken_ms else None
    return Delivery(clouds, len(taken_ms), (late[0], late[1]) if late else None)


def _send(topic: str, reliability: str, points: int, clouds: int, rate: float) -> None:
    free_ports("benchmark_delivery")
    rclpy.init(args=[])
    try:
        node = Node("delivery_sender")
        profile = QoSProfile(depth=1, reliability=_RELIABILITY[reliability])
        publisher = node.create_publisher(PointCloud2, topic, profile)
        message = large_cloud(points)
        end_s = time.monotonic() + _START_S
        while not publisher.get_subscription_count():
            if time.monotonic() > end_s:
                raise TimeoutError(f"{topic}: expected a listener within {_START_S} s, got none")
            time.sleep(0.02)
        time.sleep(0.5)  # discovery of the data's way back
        began_s = time.monotonic()
        for number in range(clouds):
            time.sleep(max(0.0, began_s + number / rate - time.monotonic()))
            seconds, rest = divmod(time.monotonic_ns(), 1_000_000_000)
            message.header.stamp.sec, message.header.stamp.nanosec = seconds, rest
            publisher.publish(message)
        time.sleep(_LAST_S)
    finally:
        rclpy.try_shutdown()


def large_cloud(points: int) -> PointCloud2:
    """Random points of x, y, z, intensity, 16 bytes each."""
    data = np.random.default_rng(0).random((points, 4), np.float32)
    message = PointCloud2(height=1, width=points, point_step=16, row_step=16 * points)
    names = ("x", "y", "z", "intensity")
    message.fields = [
        PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
        for i, name in enumerate(names)
    ]
    message.data = array("B", data.tobytes())
    return message


def _line(case: Case, found: Delivery) -> str:
    transport = "shipped profile" if case.profile else "default"
    times = "" if found.latency_ms is None else (
        f"p50 {found.latency_ms[0]:6.1f} ms, p95 {found.latency_ms[1]:6.1f} ms"
    )  # fmt: skip
    share = found.received / found.sent
    return (
        f"{case.points * 16 / 1e6:5.2f} MB  {transport:16}{case.reliability:13}"
        f"{found.received:4} of {found.sent} ({share:4.0%})  {times}"
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(
        "pd_ros.benchmark_delivery",
        "Measure how many large clouds arrive, by transport and reliability.",
        "example: python -m pd_ros.benchmark_delivery --json delivery.json",
    )
    add = parser.add_argument
    add("--clouds", type=int, default=40, help="sent in each case")
    add("--rate", type=float, default=10.0, help="clouds a second")
    add("--points", type=int, nargs="+", default=_SIZES, help="of 16 bytes in each cloud")
    add("--json", type=Path, metavar="FILE", help="write the table here as well")
    add("--send", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)
