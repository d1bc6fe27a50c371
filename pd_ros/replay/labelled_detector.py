"""Detectors that are compared: each with its name, all with the same classes."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pd_ros.detection.geometry.ego import EGO_DISTANCE_M, on_sensor
from pd_ros.detection.operating_point import FALLBACK
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.types import InferenceResult
from pd_ros.pointcloud.decode import Float32
from pd_ros.pointcloud.features import model_points
from pd_ros.recordings.label_names import label_map
from pd_ros.recordings.sources import Source
from pd_ros.replay.z_offset import RaisedDetector, measure_source
from pd_ros.runtime.diagnostics.cloud_inspection import ModelInput


class Timed(NamedTuple):
    """The result of one cloud, and the seconds from points in memory to boxes in memory."""

    result: InferenceResult
    latency_s: float


class NamedDetector:
    """A detector whose labels index ``classes``, which may not be its own; -1: none of them.

    Boxes nearer than ``ego_distance_m`` to the sensor are left out: ``detection.geometry.ego``.
    """

    def __init__(
        self,
        name: str,
        predictor: Predictor,
        classes: Sequence[str],
        ego_distance_m: float = EGO_DISTANCE_M,
    ) -> None:
        self.name = name
        self.model_input = ModelInput.of(predictor.config, predictor.training, predictor.where)
        self._ego_distance_m = ego_distance_m
        self._own_boxes = 0
        self.device = str(predictor.device)
        self.range_m = predictor.config.range_m
        self._predictor = predictor
        self.z_offset_m = 0.0
        self.features = predictor.config.features
        self._labels = label_map(predictor.config.classes, classes)
        self.thresholds = self._thresholds(len(classes))  # of the operating point, by class
        predictor.warm_up()

    def __call__(self, points: Float32, extras: Sequence[str] = ()) -> Timed:
        """Run on a cloud ``[N, 4 + E]``: x, y, z in metres, intensity in [0, 1], extras.

        N may be 0.
        """
        started_s = time.perf_counter()
        raised = RaisedDetector(self._predictor, self.z_offset_m)
        result = raised.infer(model_points(points, self.features, extras))
        latency_s = time.perf_counter() - started_s
        found = result.detections
        others = found.select(~on_sensor(found.boxes, self._ego_distance_m))
        self._own_boxes += len(found.scores) - len(others.scores)
        named = others._replace(labels=self._labels[others.labels])
        return Timed(result._replace(detections=named), latency_s)

    def use_offset(self, offset_m: float | None, source: Source, where: Path | str) -> list[str]:
        """See the next clouds raised by an offset; None: measured, from the first of a source.

        Returns what was measured, for the reader; nothing where a number was given.
        """
        if offset_m is not None:
            self.z_offset_m = offset_m
            return []
        auto = measure_source(source, self.model_input.expected)
        self.z_offset_m = auto.settle()
        return [f"note: {where}, for {self.name}: --z-offset: {auto.text}"]

    def _thresholds(self, count: int) -> tuple[float, ...]:
        """Those of the checkpoint, in the order of the common classes."""
        thresholds = [FALLBACK] * count
        for label, own in zip(self._labels.tolist(), self._predictor.thresholds, strict=True):
            if label >= 0:
                thresholds[label] = own
        return tuple(thresholds)

    def take_own_boxes(self) -> int:
        """Return how many boxes were left out as the own vehicle's since the last time."""
        count, self._own_boxes = self._own_boxes, 0
        return count


def load_detectors(
    paths: Sequence[Path], device: str, ego_distance_m: float = EGO_DISTANCE_M
) -> tuple[list[NamedDetector], tuple[str, ...]]:
    """Load checkpoints, and return them with the classes of the first, which all then have.

    Raises ``ValueError`` for a bad file or device, or one that wants more than clouds have.
    """
    predictors = [Predictor.for_clouds(path, device) for path in paths]
    classes = predictors[0].config.classes
    names = distinct_names([path.stem for path in paths])
    pairs = zip(names, predictors, strict=True)
    detectors = [
        NamedDetector(name, predictor, classes, ego_distance_m) for name, predictor in pairs
    ]
    return detectors, classes


def distinct_names(names: Sequence[str]) -> list[str]:
    """Names in their order, later ones of the same kind with ``_2``, ``_3``, ... after them."""
    given: list[str] = []
    for name in names:
        candidate, number = name, 2
        while candidate in given:
            candidate, number = f"{name}_{number}", number + 1
        given.append(candidate)
    return given
