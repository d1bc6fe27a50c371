"""Scores that mean what they say: of the boxes with score 0.7, seven of ten are right.

A network ranks its boxes well and is sure of them badly. Platt scaling mends that with two numbers
for each class, fitted on validation and kept with the weights: ``logit / temperature + bias`` is
the calibrated logit. It rises, so that the order within a class, suppression and AP stay as they
are. ``Predictor`` applies it; what comes out of a network's decoder is as the network scored it.
"""

import math
from collections.abc import Mapping, Sequence

import torch

from pd_ros.detection.config.base import FrozenConfig, PositiveFloat, parse_config
from pd_ros.detection.types import Detections

_ROUNDING = 1e-6  # more than that of a score in float32
_LEAST_LOGIT = 100.0  # what is less is a score of 0
KEY = "score_calibration"  # in the checkpoint's training record


class ClassScaling(FrozenConfig):
    """How the scores of one class are calibrated."""

    temperature: PositiveFloat
    bias: float


class PlattScaling(FrozenConfig):
    """Scaling by class, and the sweeps on which it was fitted; others keep their scores."""

    data: str
    classes: dict[str, ClassScaling]


def read_scaling(training: Mapping[str, object], where: str) -> PlattScaling | None:
    """Return the one in a training record, None where there is none.

    Raises ``ValueError`` that names ``where`` for one that is damaged.
    """
    if KEY not in training:
        return None
    return parse_config(training[KEY], PlattScaling, f"{where} ({KEY})")


def least_uncalibrated(
    score: float, scaling: PlattScaling | None, classes: Sequence[str]
) -> float:
    """Return a score of the network below which none of ``classes`` reaches a calibrated one.

    A little lower than the least that does, by more than rounding.
    """
    low = score - _ROUNDING
    if low <= 0 or scaling is None:
        return max(low, 0.0)
    logit = math.log(low / (1 - low)) if low < 1 else math.inf
    chosen = [scaling.classes.get(name) for name in classes]
    logits = [logit if own is None else (logit - own.bias) * own.temperature for own in chosen]
    return 1 / (1 + math.exp(-max(min(logits), -_LEAST_LOGIT)))


def calibrate_scores(
    found: Detections, scaling: PlattScaling | None, classes: Sequence[str]
) -> Detections:
    """Return the boxes with calibrated scores, by falling score; all as they are without scaling.

    Labels index ``classes``. No boxes give none.
    """
    if scaling is None:
        return found
    chosen = [scaling.classes.get(name) for name in classes]
    slopes = [1.0 if each is None else 1 / each.temperature for each in chosen]
    biases = [0.0 if each is None else each.bias for each in chosen]
    table = torch.tensor([slopes, biases], dtype=torch.float64, device=found.scores.device)
    slope, bias = table[:, found.labels]
    logits = torch.logit(found.scores.double()) * slope + bias
    scores = logits.sigmoid().to(found.scores.dtype)
    return found._replace(scores=scores).select(scores.argsort(descending=True, stable=True))
