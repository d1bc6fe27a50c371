"""Calibrate a teacher's scores: how often its boxes are right, by their score."""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pd_ros.detection.boxes import bev_iou
from pd_ros.detection.families import make_batch
from pd_ros.detection.types import AnyOutput, Detections
from training.config.point import UnlabelledConfig
from training.config.run import SourceConfig, TrainConfig
from training.datasets.frame import Labels, split_labels
from training.datasets.source import open_source
from training.distillation.decoding import LEAST_SCORE, BoxDecoder
from training.distillation.teacher import Teacher

# So many boxes of neighbouring scores are judged together.
_TOGETHER = 10
# A box is right from this overlap (from above) with an object of its class.
_OVERLAP = 0.5
_SMALL_OVERLAP = 0.25  # of objects less than this long:
_SMALL_M = 2.5
_SHOWN = 8  # points of a curve in the log


class Judged(NamedTuple):
    """Boxes of which it is known whether they are right; one length."""

    scores: Tensor  # [D]
    labels: Tensor  # [D] int64
    right: Tensor  # [D] bool

    @classmethod
    def join(cls, parts: Sequence["Judged"]) -> "Judged":
        """All of at least one part."""
        return cls(*(torch.cat(fields) for fields in zip(*parts, strict=True)))


class ScoreCalibration:
    """Chance of being right for every score: a curve per class that never falls."""

    def __init__(self, curves: Sequence[tuple[Tensor, Tensor]]) -> None:
        self.curves = tuple(curves)  # scores and chances of each class; none: never right

    def __call__(self, found: Detections) -> Detections:
        """The same boxes with their chances for scores, in the same order."""
        chances = torch.zeros_like(found.scores)
        for label, curve in enumerate(self.curves):
            of_class = found.labels == label
            chances[of_class] = _read(curve, found.scores[of_class])
        return found._replace(scores=chances)


def fit_calibration(judged: Judged, classes: int) -> ScoreCalibration:
    """Fit a curve per class by isotonic regression over groups of boxes of similar score.

    Of a group of n boxes with k right ones the chance is taken for (k + 1) / (n + 2), so that few
    boxes promise little.
    """
    curves = []
    for label in range(classes):
        of_class = judged.labels == label
        order = judged.scores[of_class].argsort()
        scores, right = judged.scores[of_class][order], judged.right[of_class][order].float()
        groups = list(zip(_grouped(scores), _grouped(right), strict=True))
        middle = torch.tensor([float(s.mean()) for s, _ in groups])
        rate = torch.tensor([float((r.sum() + 1) / (len(r) + 2)) for _, r in groups])
        count = torch.tensor([float(len(r)) for _, r in groups])
        curves.append((middle, isotonic(rate, count)))
    return ScoreCalibration(curves)


def isotonic(values: Tensor, weights: Tensor) -> Tensor:
    """The rising sequence ``[N]`` nearest in weighted squares (pool adjacent violators)."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        blocks.append((value, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, wa, na), (b, wb, nb) = blocks[-2:]
            blocks[-2:] = [((a * wa + b * wb) / (wa + wb), wa + wb, na + nb)]
    return torch.tensor([mean for mean, _, length in blocks for _ in range(length)])


def judge(found: Detections, truth: Labels) -> Judged:
    """Judge the boxes of a scene: each object makes the best one right, others are wrong.

    Boxes that lie on ignored objects are left out.
    """
    order = found.scores.argsort(descending=True, stable=True)
    found = found.select(order)
    overlap = bev_iou(found.boxes, truth.boxes)
    overlap = overlap * (found.labels[:, None] == truth.classes[None])
    small = truth.boxes[:, 3] < _SMALL_M
    enough = overlap > torch.where(small, _SMALL_OVERLAP, _OVERLAP)
    right = torch.zeros(len(found.scores), dtype=torch.bool)
    free = torch.ones(len(truth.boxes), dtype=torch.bool)
    for number in range(len(right)):
        candidates = (enough[number] & free).nonzero().squeeze(1)
        if len(candidates):
            right[number] = True
            free[candidates[overlap[number, candidates].argmax()]] = False
    on_ignored = (bev_iou(found.boxes, truth.ignored) > 0).any(dim=1)
    counted = right | ~on_ignored
    return Judged(found.scores[counted], found.labels[counted], right[counted])


def _grouped(values: Tensor) -> list[Tensor]:
    """Parts of about equal length, of ``_TOGETHER`` or more where there are as many."""
    if not len(values):
        return []
    return list(values.tensor_split(max(1, len(values) // _TOGETHER)))


def _read(curve: tuple[Tensor, Tensor], scores: Tensor) -> Tensor:
    """Chances at scores, linear between the curve's points and constant beyond."""
    places, chances = (part.to(scores) for part in curve)
    if not len(places):
        return torch.zeros_like(scores)
    right = torch.searchsorted(places, scores).clamp(max=len(places) - 1)
    left = (right - 1).clamp(min=0)
    span = (places[right] - places[left]).clamp(min=1e-9)
    share = ((scores - places[left]) / span).clamp(0, 1)
    return chances[left] + share * (chances[right] - chances[left])


_LOG = logging.getLogger("training.distillation")


def calibrate(
    teacher: Teacher, run: TrainConfig, config: UnlabelledConfig, device: torch.device
) -> ScoreCalibration | None:
    """Measure how often the teacher is right on labelled clouds of the run; None if not asked for.

    Validation sweeps where there are some, as the teacher may know the others by heart.
    """
    if not config.calibration_sweeps:
        return None
    sources = [source for source in run.validation or run.data if source.labelled]
    decode = BoxDecoder(teacher.config, score=LEAST_SCORE)
    judged = [
        part
        for source in sources
        for part in _judge_source(source, teacher, decode, run.min_points,
                                  -(-config.calibration_sweeps // len(sources)), device)
    ]  # fmt: skip
    names = teacher.config.classes
    calibration = fit_calibration(Judged.join(judged), len(names))
    for name, curve in zip(names, calibration.curves, strict=True):
        _LOG.info(
            "%s boxes of the teacher, chance of being right by score: %s", name, _tell(curve)
        )
    return calibration


def _tell(curve: tuple[Tensor, Tensor]) -> str:
    """Some points of a curve from end to end, as text; it may have thousands."""
    points = [f"{score:.2f}: {chance:.2f}" for score, chance in zip(*curve, strict=True)]
    shown = np.unique(np.linspace(0, len(points) - 1, min(len(points), _SHOWN)).astype(int))
    return ", ".join(points[number] for number in shown) or "-"


@torch.no_grad()
def _judge_source(
    source: SourceConfig,
    teacher: Teacher,
    decode: Callable[[AnyOutput], list[Detections]],
    min_points: int,
    most: int,
    device: torch.device,
) -> list[Judged]:
    network = teacher.config
    frames = open_source(source, network.classes, network.features)
    numbers = np.unique(np.linspace(0, len(frames) - 1, min(most, len(frames))).astype(int))
    judged = []
    for number in numbers:
        frame = frames[int(number)]
        cloud = torch.from_numpy(frame.points).to(device)
        output = teacher.model(make_batch([cloud], network))
        judged.append(judge(decode(output)[0].cpu(), split_labels(frame, min_points)))
    return judged
