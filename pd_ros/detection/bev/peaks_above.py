"""The boxes of a heatmap's peaks above a threshold alone: for a CPU, where counts cost nothing."""

import math

import torch
from torch import Tensor

from pd_ros.detection.bev.decode_center import boxes_in, peaks, scores_of
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
    cells = maps.heatmap[0, 0].numel()
    logits = maps.heatmap.float().flatten()
    place = (logits > _least_logit(threshold, 1 - share)).nonzero().squeeze(1)
    qualities = None
    if maps.quality is not None:
        qualities = maps.quality.flatten()[place % cells].float()
        likely = (qualities > _least_logit(threshold, share)).nonzero().squeeze(1)
        place, qualities = place[likely], qualities[likely]
    scores = scores_of(logits[place], qualities, config)
    best, order = scores.topk(min(config.decode.max_candidates, len(scores)))
    place = place[order]
    label, cell = torch.div(place, cells, rounding_mode="floor"), place % cells
    boxes, velocities, sure = boxes_in(maps, 0, cell, 0, config)
    return Detections(boxes, best, label, velocities, sure)


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
