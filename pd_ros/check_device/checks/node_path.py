"""The node's own path, without ROS: a cloud's bytes to the answer's bytes."""

import itertools
import time
from collections.abc import Callable
from dataclasses import replace

from pd_ros.benchmark.inputs import find_model, to_message
from pd_ros.check_device.check import Finding, Setting
from pd_ros.check_device.checks.latency import percentiles
from pd_ros.check_device.compare import box_difference, worst
from pd_ros.detection.types import Detections
from pd_ros.pointcloud.cdr import CloudHeader, CloudMessage, Stamp
from pd_ros.runtime.detection_cdr import detection_array_cdr
from pd_ros.runtime.model_loading import load_detector
from pd_ros.runtime.parameters.read import default_values, read_settings, read_startup
from pd_ros.runtime.parameters.specs import SPECS, class_specs
from pd_ros.runtime.pipeline import DetectionPipeline
from pd_ros.runtime.statistics import Statistics

_ROUNDS = 200
_FEWEST = 3
_HEADER = CloudHeader(Stamp(1, 0), "lidar")
Answer = Callable[[CloudMessage], tuple[Detections, bytes]]


def check(setting: Setting) -> Finding:
    """By the node's default parameters, but for the backend; beside the CPU in fp32."""
    clouds = [CloudMessage(_HEADER, *to_message(points)) for points in setting.clouds]
    gpu = setting.device != "cpu"
    node = node_path(setting.network, setting.device, "auto", "cuda_graph" if gpu else "torch")
    reference = node_path(setting.network, "cpu", "fp32", "torch")
    precision = "fp16" if gpu else "bf16"
    differences = [  # of all that is published
        box_difference(reference(cloud)[0], node(cloud)[0], precision, trained=True, sure=0.0)
        for cloud in clouds
    ]
    times, sizes = [], []
    for cloud in setting.repeat(itertools.islice(itertools.cycle(clouds), _ROUNDS), _FEWEST):
        began = time.perf_counter()
        sizes.append(len(node(cloud)[1]))
        times.append(1000 * (time.perf_counter() - began))
    p50, p99 = percentiles(times)
    found = worst(differences)
    text = (
        f"p50/p99 {p50:.1f}/{p99:.1f} ms from bytes to bytes, {len(times)} clouds; {found.lost} of"
        f" {found.boxes} boxes lost, scores {found.score:.1e}"
    )
    figures = {"p50_ms": p50, "p99_ms": p99, "answer_bytes": max(sizes), **found._asdict()}
    return Finding(found.within(precision), text, figures)


def node_path(network: str, device: str, precision: str, backend: str) -> Answer:
    """A loaded and warmed-up detector with all that the node has before and after it."""
    values = default_values(SPECS)
    startup = replace(
        read_startup(values.__getitem__, str(find_model(network))),
        device=device, precision=precision, backend=backend,
    )  # fmt: skip
    predictor = load_detector(startup)
    classes = predictor.config.classes
    values |= default_values(class_specs(classes))
    settings = read_settings(values.__getitem__, classes, predictor.thresholds)
    pipeline = DetectionPipeline(predictor, startup, None, Statistics(), lambda _key, _text: None)

    def answer(cloud: CloudMessage) -> tuple[Detections, bytes]:
        found = pipeline(cloud, settings).detections
        return found, detection_array_cdr(cloud.header, found, settings.names)

    return answer
