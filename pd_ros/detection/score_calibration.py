"""Scores that mean what they say: of the boxes with score 0.7, seven of ten are right.

A network ranks its boxes well and is sure of them badly. Platt scaling mends that with two numbers
for each class, fitted on validation and kept with the weights: ``logit / temperature + bias`` is
the calibrated logit. It rises, so that the order within a class, suppression and AP stay as they
are. ``Predictor`` applies it; what comes out of a network's decoder is as the network scored it.
"""

from collections.abc import Mapping, Sequence

import torch

from pd_ros.detection.config.base import FrozenConfig, PositiveFloat, parse_config
from pd_ros.detection.types import Detections

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
