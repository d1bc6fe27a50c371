"""A stand-in for `ros2 bag play` and `ros2 bag record`, which no wheel has.

Names of nodes, services, topics and options, and what happens in which order, are rosbag2's of
Jazzy: the player has its publishers, services and a running clock from its start on, paused or
not; it sends to nobody what nobody was found for; the recorder with simulated time subscribes
after the first /clock, and finishes its folder at SIGINT.
"""

import argparse
import signal
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rosbag2_interfaces.srv import Resume
from rosbags.rosbag2 import StoragePlugin, Writer
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import PointCloud2
from vision_msgs.msg import Detection3DArray

from pd_ros.recordings.bag import open_recording
from pd_ros.recordings.typestore import jazzy_typestore

TYPES = {
    "sensor_msgs/msg/PointCloud2": PointCloud2,
    "vision_msgs/msg/Detection3DArray": Detection3DArray,
    "diagnostic_msgs/msg/DiagnosticArray": DiagnosticArray,
}
with suppress(ImportError):  # not everywhere
    TYPES["autoware_perception_msgs/msg/DetectedObjects"] = import_module(
        "autoware_perception_msgs.msg"
    ).DetectedObjects
STOP = threading.Event()


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: STOP.set())
    verbs = argparse.ArgumentParser(prog="ros2", allow_abbrev=False)
    verb = verbs.add_subparsers(required=True).add_parser("bag").add_subparsers(required=True)
    play_options(verb.add_parser("play", allow_abbrev=False))
    record_options(verb.add_parser("record", allow_abbrev=False))
    options = verbs.parse_args()
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    return options.run(options)


def play_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("bag_path", type=Path)
    add("--start-paused", action="store_true")
    add("--clock", type=float, default=0.0)
    add("--rate", type=float, default=1.0)
    add("--start-offset", type=float, default=0.0)
    add("--playback-duration", type=float, default=-1.0)
    add("--wait-for-all-acked", type=int, default=-1)
    add("--disable-keyboard-controls", action="store_true")
    add("--loop", action="store_true")
    add("--exclude-topics", nargs="+", default=[])
    parser.set_defaults(run=play)


def record_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--use-sim-time", action="store_true")
    add("--output", type=Path, required=True)
    add("--node-name", default="rosbag2_recorder")
    add("--disable-keyboard-controls", action="store_true")
    add("--topics", nargs="+", required=True)
    parser.set_defaults(run=record)


def spin(node, stop: threading.Event) -> threading.Thread:
    executor = SingleThreadedExecutor()
    executor.add_node(node)

    def run() -> None:
        while not stop.is_set():
            executor.spin_once(timeout_sec=0.02)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


class Player:
    """Time goes on only while it is not paused."""

    def __init__(self, options: argparse.Namespace, start_ns: int) -> None:
        self.node = rclpy.create_node("rosbag2_player")
        self.resumed = threading.Event()
        self.rate, self.start_ns, self.began_s = options.rate, start_ns, 0.0
        self.node.create_service(Resume, "~/resume", self.resume)
        if not options.start_paused:
            self.resume(None, None)
        if options.clock:
            self.clock = self.node.create_publisher(Clock, "/clock", 1)
            self.node.create_timer(1 / min(options.clock, 100.0), self.tell_time)

    def resume(self, _request, response):
        if not self.resumed.is_set():
            self.began_s = time.monotonic()
            self.resumed.set()
        return response

    def now_ns(self) -> int:
        passed_s = time.monotonic() - self.began_s if self.resumed.is_set() else 0.0
        return self.start_ns + int(1e9 * passed_s * self.rate)

    def tell_time(self) -> None:
        seconds, rest = divmod(self.now_ns(), 10**9)
        message = Clock()
        message.clock.sec, message.clock.nanosec = seconds, rest
        self.clock.publish(message)


def play(options: argparse.Namespace) -> int:
    with open_recording(options.bag_path) as recording:
        topics = {n: k for n, k in recording.topics.items() if n not in options.exclude_topics}
        messages = list(recording.raw_messages(*topics))
    player = Player(options, messages[0].received_ns + int(1e9 * options.start_offset))
    publishers = {
        name: player.node.create_publisher(TYPES[kind], name, QoSProfile(depth=10))
        for name, kind in topics.items() if kind in TYPES
    }  # fmt: skip
    stop = threading.Event()
    thread = spin(player.node, stop)
    last_ns = player.start_ns + int(1e9 * options.playback_duration)
    while not player.resumed.is_set() and not STOP.is_set():
        time.sleep(0.01)
    for message in messages:
        if message.received_ns < player.start_ns or message.topic not in publishers:
            continue
        if options.playback_duration > 0 and message.received_ns > last_ns:
            break
        while player.now_ns() < message.received_ns and not STOP.is_set():
            time.sleep(0.001)
        if STOP.is_set():
            break
        publishers[message.topic].publish(message.cdr)
    time.sleep(max(0, options.wait_for_all_acked) / 10_000)
    stop.set()
    thread.join()
    return 0


def record(options: argparse.Namespace) -> int:
    if options.output.exists():
        sys.stderr.write(f"Output folder '{options.output}' already exists.\n")
        return 1
    node = rclpy.create_node(
        options.node_name,
        parameter_overrides=[Parameter("use_sim_time", value=options.use_sim_time)],
    )
    stop = threading.Event()
    store = jazzy_typestore()
    with Writer(options.output, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        wanted = dict.fromkeys(options.topics)
        thread = spin(node, stop)
        while not STOP.wait(0.1):
            if options.use_sim_time and not node.get_clock().now().nanoseconds:
                continue
            kinds = dict(node.get_topic_names_and_types())
            for topic in [name for name, there in wanted.items() if not there]:
                if node.count_publishers(topic) and topic in kinds:
                    wanted[topic] = subscribe(node, topic, kinds[topic][0], writer, store)
        stop.set()
        thread.join()
    return 0


def subscribe(node, topic: str, kind: str, writer: Writer, store):
    connection = writer.add_connection(topic, kind, typestore=store)

    def keep(cdr: bytes) -> None:
        writer.write(connection, node.get_clock().now().nanoseconds, cdr)

    quality = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
    return node.create_subscription(TYPES[kind], topic, keep, quality, raw=True)


if __name__ == "__main__":
    sys.exit(main())
