"""The boxes of a heatmap's peaks above a threshold alone: for a CPU, where counts cost nothing."""

import math

import torch
from torch import Tensor

from pd_ros.detection.bev.decode_center import (
    boxes_of,
    front_probability,
    peaks,
    scores_of,
    velocities_of,
)
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import CenterHeadConfig
from pd_ros.detection.types import CellMaps, Detections

# More than rounding moves a bound on logits.
_ROUNDING, _LEAST = 1e-4, 1e-4


def peaks_above(maps: CellMaps, config: ModelConfig, threshold: float) -> Detections:
    """Boxes above a threshold, at most ``max_candidates``, in the maps of one cloud.

    Those that ``peaks`` gives above it, of a head with one group of classes. Of maps that hold a
    value that is not finite all that ``peaks`` gives: it says which scores are none.
    """
    if not _is_finite(maps.heatmap) or not _is_finite(maps.quality):
        return peaks(maps, config)[0]
    assert isinstance(config.head, CenterHeadConfig)
    share = 0.0 if maps.quality is None else config.head.quality
    rows, columns = maps.heatmap.shape[2:]
    logits = maps.heatmap.float().flatten()
    place = (logits > _least_logit(threshold, 1 - share)).nonzero().squeeze(1)
    qualities = None
    if maps.quality is not None:
        qualities = maps.quality.flatten()[place % (rows * columns)].float()
        likely = (qualities > _least_logit(threshold, share)).nonzero().squeeze(1)
        place, qualities = place[likely], qualities[likely]
    scores = scores_of(logits[place], qualities, config)
    best, order = scores.topk(min(config.decode.max_candidates, len(scores)))
    place = place[order]
    label, cell = _divide(place, rows * columns), place % (rows * columns)
    row, column = _divide(cell, columns), cell % columns
    told = maps.at(0, cell)
    values, facing = told.box, told.direction
    boxes = boxes_of(torch.stack((column, row), dim=1), values, facing, config)
    sure = None if facing is None else front_probability(boxes, facing)
    return Detections(boxes, best, label, velocities_of(values), sure)


def _divide(numbers: Tensor, by: int) -> Tensor:
    return torch.div(numbers, by, rounding_mode="floor")


def _is_finite(values: Tensor | None) -> bool:
    """Whether all values of a map are finite; one sum tells."""
    return values is None or math.isfinite(float(values.sum(dtype=torch.float32)))


def _least_logit(threshold: float, share: float) -> float:
    """A logit below which a score cannot be above the threshold, whatever else it is made of.

    The score is a product of probabilities, each to the power of its share.
    """
    if threshold <= 0 or share <= 0:
        return -math.inf
    if threshold >= 1:
        return math.inf
    least = threshold ** (1 / share)
    if least <= 0:  # too small for a number
        return -math.inf
    logit = math.log(least / (1 - least)) if least < 1 else math.inf
    return logit - _ROUNDING * abs(logit) - _LEAST
