"""Clouds through a detector: what it finds, how long it takes, how right it is."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from tqdm import tqdm

from pd_ros.detection.families import AnyModelConfig
from pd_ros.detection.geometry.ego import EGO_DISTANCE_M, on_sensor
from pd_ros.detection.operating_point import above_thresholds
from pd_ros.detection.types import Detections, InferenceResult
from pd_ros.evaluation.kitti.camera import score_kitti
from pd_ros.evaluation.kitti.report import KittiReport
from pd_ros.evaluation.kitti.view import CameraView, unlabelled_boxes, within_view
from pd_ros.evaluation.lidar import ClassScores, GroundTruth, default_iou, evaluate_frames
from pd_ros.evaluation.operating.scores import OperatingScores, score_operating_point
from pd_ros.evaluation.plots.animation import DriveAnimation
from pd_ros.evaluation.plots.layers import BirdseyePanel
from pd_ros.pointcloud.decode import Float32
from pd_ros.pointcloud.features import model_points
from pd_ros.recordings.labels import ground_truth
from pd_ros.recordings.sources import Source, Sweep

PICTURED_SWEEPS = 6
Scores = KittiReport | Mapping[str, ClassScores] | None


class Detector(Protocol):
    """What a replay needs of a ``Predictor``."""

    def infer(self, points: Float32, /) -> InferenceResult:
        """Detect in a cloud ``[N, 3 + C]``."""
        ...


@dataclass(frozen=True)
class Replay:
    """What came out of a replay, frames in their order."""

    detections: dict[str, Detections]  # all that the detector gave
    truth: dict[str, GroundTruth]  # of the labelled frames
    latency_s: list[float]  # from points in memory to boxes in memory
    panels: list[BirdseyePanel]  # a few frames spread over all
    busiest: list[BirdseyePanel] = field(default_factory=list)  # that of the most objects, if any
    label_names: Counter[str] = field(default_factory=Counter)  # how many labels have each
    thresholds: tuple[float, ...] = ()  # by class, of the boxes that are listed and drawn; (): all
    not_finite: list[str] = field(default_factory=list)  # frames answered with values that are not
    own_boxes: list[int] = field(default_factory=list)  # left out of each frame: the own vehicle's
    views: dict[str, CameraView] = field(default_factory=dict)  # where not all was labelled

    @property
    def confident(self) -> dict[str, Detections]:
        """The detections from the score threshold on."""
        return {frame: self._confident(found) for frame, found in self.detections.items()}

    def panel(self, sweep: Sweep, found: Detections, classes: Sequence[str]) -> BirdseyePanel:
        """Return the picture of a sweep that was added, with its confident boxes."""
        points, truth = torch.from_numpy(sweep.points.copy()), self.truth.get(sweep.frame)
        confident, unlabelled = self._confident(found), None
        if truth is not None and sweep.view is not None:
            unlabelled = unlabelled_boxes(confident.boxes, truth, sweep.view)
        return BirdseyePanel(points, confident, classes, sweep.frame, truth, unlabelled=unlabelled)

    def _confident(self, found: Detections) -> Detections:
        return above_thresholds(found, self.thresholds)


def replay(
    detector: Detector,
    source: Source,
    config: AnyModelConfig,
    thresholds: tuple[float, ...] = (),
    ego_distance_m: float = EGO_DISTANCE_M,
    animation: DriveAnimation | None = None,
) -> Replay:
    """Run a detector over all sweeps of a source, with a progress bar.

    ``config`` is the detector's; what of its features the source's points do not have is 0.
    ``thresholds`` are those of :class:`Replay`. Boxes on the sensor itself are left out, see
    ``detection.geometry.ego``. ``animation`` gets a frame for each cloud.
    """
    result = Replay({}, {}, [], [], thresholds=thresholds)
    every = max(1, source.count // PICTURED_SWEEPS)
    for number, sweep in enumerate(
        tqdm(source.sweeps(), total=source.count, desc="replay", unit="cloud", leave=False)
    ):
        started = time.perf_counter()
        answer = detector.infer(model_points(sweep.points, config.features, source.extras))
        result.latency_s.append(time.perf_counter() - started)
        if answer.not_finite:
            result.not_finite.append(sweep.frame)
        found = answer.detections
        own = on_sensor(found.boxes, ego_distance_m)
        result.own_boxes.append(int(own.sum()))
        found = found.select(~own)
        add_sweep(result, sweep, found, config, number % every == 0, animation)
    return result


def add_sweep(
    result: Replay,
    sweep: Sweep,
    found: Detections,
    config: AnyModelConfig,
    pictured: bool,
    animation: DriveAnimation | None = None,
) -> None:
    """Keep the boxes of a sweep, what is really there, and some sweeps to look at."""
    result.detections[sweep.frame] = found
    if sweep.truth is not None:
        result.label_names.update(sweep.truth.names)
        result.truth[sweep.frame] = ground_truth(
            sweep.truth, sweep.points, config.classes, config.range_m
        )
        if sweep.view is not None:
            result.views[sweep.frame] = sweep.view
    panel = result.panel(sweep, found, config.classes)
    if pictured and len(result.panels) < PICTURED_SWEEPS:
        result.panels.append(panel)
    if panel.objects > max((busiest.objects for busiest in result.busiest), default=0):
        result.busiest[:] = [panel]
    if animation is not None:
        animation.add(panel)


def score(result: Replay, source: Source, classes: Sequence[str]) -> Scores:
    """Score a replay: KITTI object folders by KITTI's rule, others by that of ``lidar.py``.

    Only labelled frames count; None if there is none.
    """
    if source.label_folder:
        return score_kitti(result.detections, source.label_folder, classes)
    if not result.truth:
        return None
    return evaluate_frames(*_labelled(result), classes, default_iou(classes))


def score_as_published(
    result: Replay, classes: Sequence[str]
) -> dict[str, dict[str, OperatingScores]] | None:
    """Found and ghosts at the replay's thresholds; None without labels."""
    if not result.truth:
        return None
    least = dict(zip(classes, result.thresholds or (0.0,) * len(classes), strict=True))
    return score_operating_point(*_labelled(result), classes, least)


def _labelled(result: Replay) -> tuple[tuple[GroundTruth, ...], tuple[Detections, ...]]:
    """Return labels and detections of the labelled frames, where labels reach."""
    pairs = [
        within_view(truth, result.detections[frame], result.views.get(frame))
        for frame, truth in result.truth.items()
    ]
    truth, found = zip(*pairs, strict=True)
    return truth, found


def latency_ms(result: Replay) -> dict[str, float]:
    """Median, 95th percentile and maximum latency in milliseconds; 0 if there was no cloud."""
    latency = 1000 * np.array(result.latency_s or [0.0])
    return {
        "p50": float(np.quantile(latency, 0.5)),
        "p95": float(np.quantile(latency, 0.95)),
        "max": float(latency.max()),
    }


def clouds_per_s(result: Replay) -> float:
    """Return how many clouds the detector answers in a second; 0 if there was no cloud."""
    total_s = sum(result.latency_s)
    return len(result.latency_s) / total_s if total_s else 0.0
