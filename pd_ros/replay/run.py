"""Clouds through a detector: what it finds, how long it takes, how right it is."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from tqdm import tqdm

from pd_ros.detection.types import Detections
from pd_ros.evaluation.kitti_camera import score_kitti
from pd_ros.evaluation.kitti_report import KittiReport
from pd_ros.evaluation.lidar import ClassScores, GroundTruth, default_iou, evaluate_frames
from pd_ros.evaluation.picture import BirdseyePanel
from pd_ros.replay.detection_arrays import Float32
from pd_ros.replay.sources import Source, Sweep
from pd_ros.replay.truth import ground_truth, seen_by_camera

_PICTURED_SWEEPS = 6
Scores = KittiReport | Mapping[str, ClassScores] | None


class Detector(Protocol):
    """What a replay needs of a ``Predictor``."""

    def __call__(self, points: Float32, /) -> Detections:
        """Boxes in a cloud ``[N, 3 + C]``."""
        ...


@dataclass(frozen=True)
class Replay:
    """What came out of a replay, frames in their order."""

    detections: dict[str, Detections]
    truth: dict[str, GroundTruth]  # of the labelled frames
    latency_s: list[float]  # from points in memory to boxes in memory
    panels: list[BirdseyePanel]  # a few frames spread over all


def replay(
    detector: Detector,
    source: Source,
    classes: Sequence[str],
    num_features: int,
    score_threshold: float = 0.0,
) -> Replay:
    """Run a detector over all sweeps of a source, with a progress bar.

    ``num_features``: how many of x, y, z, intensity it takes after x, y, z (0 or 1). Boxes of a
    score below ``score_threshold`` are left out.
    """
    result = Replay({}, {}, [], [])
    every = max(1, source.count // _PICTURED_SWEEPS)
    for number, sweep in enumerate(
        tqdm(source.sweeps(), total=source.count, desc="replay", unit="cloud", leave=False)
    ):
        started = time.perf_counter()
        found = detector(sweep.points[:, : 3 + num_features])
        result.latency_s.append(time.perf_counter() - started)
        confident = found.scores >= score_threshold
        found = Detections(*(field[confident] for field in found))
        result.detections[sweep.frame] = found
        truth = _truth(sweep, classes)
        if truth is not None:
            result.truth[sweep.frame] = truth
        if number % every == 0 and len(result.panels) < _PICTURED_SWEEPS:
            points = torch.from_numpy(sweep.points.copy())
            result.panels.append(BirdseyePanel(points, found, classes, sweep.frame, truth))
    return result


def score(result: Replay, source: Source, classes: Sequence[str]) -> Scores:
    """Score a replay: KITTI object folders by KITTI's rule, others by that of ``lidar.py``.

    Only labelled frames count; None if there is none.
    """
    if source.label_folder:
        return score_kitti(result.detections, source.label_folder, classes)
    if not result.truth:
        return None
    found = [result.detections[frame] for frame in result.truth]
    if source.camera:
        found = [seen_by_camera(detections, source.camera) for detections in found]
    return evaluate_frames(list(result.truth.values()), found, classes, default_iou(classes))


def latency_ms(result: Replay) -> dict[str, float]:
    """Median, 95th percentile and maximum latency in milliseconds."""
    latency = 1000 * np.array(result.latency_s)
    return {
        "p50": float(np.quantile(latency, 0.5)),
        "p95": float(np.quantile(latency, 0.95)),
        "max": float(latency.max()),
    }


def _truth(sweep: Sweep, classes: Sequence[str]) -> GroundTruth | None:
    if sweep.truth is None:
        return None
    return ground_truth(sweep.truth, sweep.points, classes)
