"""Measure the node beside its network: a cloud's bytes to points, boxes to a message.

python -m pd_ros.benchmark_overhead --json overhead.json
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
import torch
from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import PointCloud2
from vision_msgs.msg import Detection3D, Detection3DArray, ObjectHypothesisWithPose

from pd_ros.detection.predictor import Predictor
from pd_ros.detection.types import Detections, InferenceResult
from pd_ros.pointcloud.byte_layout import check_bytes
from pd_ros.pointcloud.cdr import parse_cloud
from pd_ros.process.memory import keep_freed_memory
from pd_ros.process.run_command import command_parser, run_command
from pd_ros.ros.detection_publisher import DetectionPublisher
from pd_ros.ros.detector_node import DEFAULT_CHECKPOINT
from pd_ros.ros.tools.benchmark_delivery import large_cloud
from pd_ros.runtime.parameters.read import default_values, read_settings, read_startup
from pd_ros.runtime.parameters.specs import SPECS, class_specs
from pd_ros.runtime.pipeline import DetectionPipeline
from pd_ros.runtime.settings import MESSAGES, VISION_MSGS
from pd_ros.runtime.statistics import Statistics

_KINDS = ("f4", "i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8")
_BOXES = 50


class NoNetwork:
    """In place of a detector: always the same boxes, at once."""

    def __init__(self, works: Predictor) -> None:
        self.config, self.device = works.config, works.device
        self.training, self.where = works.training, works.where
        scores, labels = torch.full((_BOXES,), 0.9), torch.zeros(_BOXES).long()
        self._result = InferenceResult(Detections(torch.ones(_BOXES, 7), scores, labels))

    def infer(self, points: object, on_stage: object, least_score: float) -> InferenceResult:
        """Return the boxes."""
        return self._result


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parse(arguments)
    return run_command("pd_ros.benchmark_overhead", lambda: _run(options))


def _run(options: argparse.Namespace) -> None:
    keep_freed_memory()
    rclpy.init(args=[])
    try:
        node = Node("overhead_benchmark")
        ways = {"pd_ros": our_way(node, options.message), "read_points": peers_way(node)}
        rows = [row for points in options.points for row in measure(points, ways, options.rounds)]
    finally:
        rclpy.try_shutdown()
    for row in rows:
        sys.stdout.write("{points:8} points  {way:12} p50 {p50:6.2f} ms  p95 {p95:6.2f} ms"
                         "  p50 of the CPU's time {cpu_p50:6.2f} ms\n"
                         .format(**row))  # fmt: skip
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def measure(
    points: int, ways: dict[str, Callable[[bytes], None]], rounds: int
) -> list[dict[str, Any]]:
    """Time the ways in turn on the same bytes, ms; on a busy machine the CPU's time says more."""
    cdr = serialize_message(large_cloud(points))
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(rounds + 3):
        for name, way in ways.items():
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            way(cdr)
            spent_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
            if number >= 3:  # the first ones warm up
                taken[name].append(spent_s)
    rows = []
    for name, values in taken.items():
        (p50, cpu), (p95, _) = (1000 * np.percentile(values, (50, 95), axis=0)).round(3).tolist()
        rows.append({"points": points, "way": name, "p50": p50, "p95": p95, "cpu_p50": cpu})
    return rows


def our_way(node: Node, message: str) -> Callable[[bytes], None]:
    """The node's own path, from the subscription's bytes to the published answer.

    ``message``: as of the parameter ``output.message``.
    """
    predictor: Any = NoNetwork(Predictor.from_checkpoint(DEFAULT_CHECKPOINT, "cpu"))
    names = predictor.config.classes
    values = default_values((*SPECS, *class_specs(names)))
    startup = read_startup(values.__getitem__, str(DEFAULT_CHECKPOINT))
    startup = replace(startup, device="cpu", message=message)
    pipeline = DetectionPipeline(predictor, startup, None, Statistics(), lambda _key, _text: None)
    publisher = DetectionPublisher(node, 1, message)
    settings = read_settings(values.__getitem__, names, (0.3,) * len(names))

    def way(cdr: bytes) -> None:
        cloud = parse_cloud(cdr)
        check_bytes(cloud.layout, cloud.data, settings.decoding.names)
        answer = pipeline(cloud, settings)
        publisher.publish(cloud.header, answer.detections, settings)

    return way


def peers_way(node: Node) -> Callable[[bytes], None]:
    """Work as most rclpy nodes: a message, a structured view, columns, a message of messages."""
    publisher = node.create_publisher(Detection3DArray, "peers_detections", 1)

    def way(cdr: bytes) -> None:
        message = deserialize_message(cdr, PointCloud2)
        layout = np.dtype({
            "names": [field.name for field in message.fields],
            "formats": [_KINDS[field.datatype % 9] for field in message.fields],
            "offsets": [field.offset for field in message.fields],
            "itemsize": message.point_step,
        })  # fmt: skip
        view = np.frombuffer(message.data, layout)
        columns = [view[name].astype(np.float32) for name in ("x", "y", "z", "intensity")]
        points = np.stack(columns, axis=1)
        points = points[np.isfinite(points).all(axis=1)]
        publisher.publish(_message(message.header, points))

    return way


def _message(header: Any, _points: object) -> Detection3DArray:
    answer = Detection3DArray(header=header)
    for _ in range(_BOXES):
        detection = Detection3D(header=header)
        hypothesis = ObjectHypothesisWithPose()
        hypothesis.hypothesis.class_id, hypothesis.hypothesis.score = "car", 0.9
        position, size = detection.bbox.center.position, detection.bbox.size
        position.x = position.y = position.z = size.x = size.y = size.z = 1.0
        hypothesis.pose.pose = detection.bbox.center
        detection.results = [hypothesis]
        answer.detections.append(detection)
    return answer


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = command_parser(
        "pd_ros.benchmark_overhead",
        "Measure arrival to publication without the network: this node and the usual"
        " way of rclpy nodes, on the same clouds in turn.",
        "example: python -m pd_ros.benchmark_overhead --json overhead.json",
    )
    add = parser.add_argument
    add("--points", type=int, nargs="+", default=(120_000, 250_000), help="in each cloud")
    add("--message", default=VISION_MSGS, choices=MESSAGES, help="what this node publishes")
    add("--rounds", type=int, default=100, help="how often each way is timed")
    add("--json", type=Path, metavar="FILE", help="write the table here as well")
    return parser.parse_args(arguments)
