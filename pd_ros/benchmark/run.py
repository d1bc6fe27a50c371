"""Everything that is measured of one model."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from pd_ros.benchmark.agreement import PathAgreement, agreement
from pd_ros.benchmark.contention import Beside, measure_beside
from pd_ros.benchmark.hardware import matrix_peak_gflops
from pd_ros.benchmark.inputs import (
    Form,
    MeasuredDetector,
    ReceivedCloud,
    load_network,
    recorded_accuracy,
    with_features,
)
from pd_ros.benchmark.reference import PlainPredictor
from pd_ros.benchmark.startup import FirstFrame, measure_first_frame
from pd_ros.benchmark.timing import Ratio, Times, Way, ratio, time_in_turn
from pd_ros.detection.checkpoint import Checkpoint, network_from_above
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.device import choose_precision
from pd_ros.detection.operating_point import above_thresholds
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.types import Detections, OnStage, noop
from pd_ros.pointcloud.decode import decode_points
from pd_ros.runtime.detection_cdr import detection_array_cdr

_DENSE_STAGES = ("backbone_neck", "head")
_HEADER = SimpleNamespace(stamp=SimpleNamespace(sec=0, nanosec=0), frame_id="lidar")


@dataclass(frozen=True)
class MeasureBudget:
    """What is measured, and how often."""

    rounds: int
    seconds: float  # after which no more rounds of a setting are begun
    threads: tuple[int, ...]  # of the CPU, one setting for each
    precision: str  # of the fast path
    backend: str = "torch"  # of the fast path
    busy_threads: int = 0  # foreign ones, beside which all is measured once more
    keep_memory: bool = True  # of both paths, see ``keep_freed_memory``

    def check(self) -> None:
        """Raise ``ValueError`` for settings that cannot be."""
        if self.rounds < 1 or self.seconds <= 0 or min(self.threads) < 1 or self.busy_threads < 0:
            raise ValueError(
                "expected --rounds and --threads of at least 1, --seconds over 0 and"
                f" --busy-threads of at least 0, got {self.rounds}, {list(self.threads)},"
                f" {self.seconds} and {self.busy_threads}"
            )


@dataclass(frozen=True)
class PathResult:
    """One path of one setting."""

    precision: str
    backend: str
    times: Times
    # Of the matrix products' peak in the precision, while the dense part runs; None of one that
    # runs as a whole, or in int8.
    dense_share: float | None
    first: FirstFrame


@dataclass(frozen=True)
class NetworkTimes:
    """One model on one device with one number of threads."""

    model: str
    trained: bool
    parameters: int
    accuracy: dict[str, float]
    dense_gflop: float  # operations of backbone, neck and head on one cloud, 2 per multiply-add
    device: str
    threads: int
    peak_gflops: dict[str, float]  # by precision
    paths: dict[str, PathResult]  # plain, fast
    speedup: Ratio  # of the whole, plain to fast
    agreement: PathAgreement  # of the boxes of the fast path with those of the plain one
    beside: dict[str, Beside]  # by path, beside busy threads; empty where that was not asked


def benchmark_model(
    path: Path,
    clouds: Sequence[ReceivedCloud],
    devices: Sequence[torch.device],
    effort: MeasureBudget,
) -> Iterator[NetworkTimes]:
    """Measure one model in all settings: each device, and on a CPU each number of threads."""
    before = torch.get_num_threads()
    for device in devices:
        for threads in effort.threads if device.type == "cpu" else (before,):
            torch.set_num_threads(threads)
            yield _benchmark(path, clouds, device, threads, effort)
    torch.set_num_threads(before)


def _benchmark(
    path: Path,
    clouds: Sequence[ReceivedCloud],
    device: torch.device,
    threads: int,
    effort: MeasureBudget,
) -> NetworkTimes:
    fast = Form("fast", choose_precision(effort.precision, device), effort.backend)
    forms = [Form("plain", torch.float32), fast]
    checkpoint = load_network(path)
    gflop = dense_gflop(checkpoint)
    plain = PlainPredictor(load_network(path), device)
    predictor = Predictor(load_network(path), device, fast.precision, fast.backend)
    thresholds = predictor.thresholds

    def fast_detector(points: Tensor, on_stage: OnStage = noop) -> Detections:
        return predictor.infer(points, on_stage, min(thresholds)).detections

    ways = {
        "plain": _make_way(plain, plain.config, thresholds),
        "fast": _make_way(fast_detector, plain.config, thresholds),
    }
    times = time_in_turn(ways, clouds, device, effort.rounds, effort.seconds)
    peaks = {
        _short(precision): matrix_peak_gflops(device, precision)
        for precision in dict.fromkeys(form.precision for form in forms)
    }
    paths = {}
    for form in forms:
        first = measure_first_frame(path, form, device, threads, clouds[0])
        precision, backend, spent = _short(form.precision), form.backend, times[form.path]
        share = _dense_share(spent, gflop, peaks[precision])
        if form.path == "fast" and checkpoint.int8 is not None:
            precision, backend, share = predictor.arithmetic, "openvino", None
        paths[form.path] = PathResult(precision, backend, spent, share, first)
    return NetworkTimes(
        model=path.stem,
        trained=bool(checkpoint.training),
        parameters=sum(parameter.numel() for parameter in checkpoint.model.parameters()),
        accuracy=recorded_accuracy(checkpoint),
        dense_gflop=gflop,
        device=str(device),
        threads=threads,
        peak_gflops=peaks,
        paths=paths,
        speedup=ratio(times["plain"].whole, times["fast"].whole),
        agreement=_compare(plain, predictor, clouds),
        beside=_beside(path, clouds, device, threads, forms, effort),
    )


def _beside(
    path: Path,
    clouds: Sequence[ReceivedCloud],
    device: torch.device,
    threads: int,
    forms: Sequence[Form],
    effort: MeasureBudget,
) -> dict[str, Beside]:
    if not effort.busy_threads or device.type != "cpu":
        return {}
    return measure_beside(
        path, forms, threads, clouds, effort.busy_threads, effort.rounds, effort.seconds,
        effort.keep_memory,
    )  # fmt: skip


def _make_way(detector: MeasuredDetector, config: ModelConfig, thresholds: Sequence[float]) -> Way:
    """From a cloud's bytes to those of the answer; reading and writing is the same for all.

    ``thresholds``: of the classes; weaker boxes are not in the answer, as in the node's.
    """

    def way(cloud: ReceivedCloud, on_stage: Callable[[str], None]) -> bytes:
        points = decode_points(cloud.layout, cloud.data)
        prepared = with_features(points, config)
        on_stage("decode")
        found = detector(prepared, on_stage)
        found = above_thresholds(found, thresholds)
        on_stage("select")
        answer = detection_array_cdr(_HEADER, found, config.classes)
        on_stage("message")
        return answer

    return way


def _compare(
    plain: PlainPredictor, fast: Predictor, clouds: Sequence[ReceivedCloud]
) -> PathAgreement:
    """By the networks' own scores: calibrated ones lie closer together or farther apart."""
    each, config = [], plain.config
    for cloud in clouds:
        points = with_features(decode_points(cloud.layout, cloud.data), config)
        candidates = plain.candidates(points).cpu()
        expected, found = plain.suppress(candidates), fast.infer_uncalibrated(points).detections
        each.append(agreement(expected, found, candidates, config.decode.nms_iou_threshold))
    return PathAgreement(*map(sum, zip(*each, strict=True)))


@torch.no_grad()
def dense_gflop(checkpoint: Checkpoint) -> float:
    """1e9 operations of backbone, neck and head on one cloud, 2 for each multiply-add."""
    model, config = network_from_above(checkpoint)
    dense = model.dense.to("meta")
    with FlopCounterMode(display=False) as counter:
        dense(torch.zeros(1, *config.canvas_shape, device="meta"))
    return float(counter.get_total_flops()) / 1e9


def _dense_share(times: Times, gflop: float, peak_gflops: float) -> float | None:
    if not set(_DENSE_STAGES) <= times.stages.keys():
        return None
    dense = zip(*(times.stages[stage] for stage in _DENSE_STAGES), strict=True)
    return gflop / (median(map(sum, dense)) / 1000) / peak_gflops


def _short(precision: torch.dtype) -> str:
    return str(precision).removeprefix("torch.")
