"""Anchor maps to boxes (PointPillars section 2.3)."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.bev.anchors import anchor_head, decode_boxes, level_anchors, yaw_in_bin
from pd_ros.detection.bev.decode_center import (
    class_numbers,
    join,
    of_group,
    probability,
    zero_or_nan,
)
from pd_ros.detection.boxes import wrap_angle
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.types import CellMaps, Detections

# So much below the threshold's a logit may lie that is not left out before all is exact.
_MARGIN = 1e-3


class _Level(NamedTuple):
    """One level of one sample, and its anchors that may become boxes."""

    number: int
    maps: CellMaps
    anchors: Tensor | None  # [N] their numbers in the level, rising; None: all of it
    scores: Tensor  # [N, K]


class AnchorPeaks:
    """Boxes of an anchor head before NMS; keeps the anchors of its config."""

    def __init__(self, config: ModelConfig, device: torch.device) -> None:
        self._config = config
        self._head = anchor_head(config)
        self._anchors = [level.flatten(0, 2).to(device) for level in level_anchors(config)]
        self._least_logit = _logit(config.decode.score_threshold) - _MARGIN

    def __call__(self, maps: CellMaps) -> list[Detections]:
        """Boxes of every sample of the batch before NMS.

        The best ``max_candidates`` anchors of each level become boxes, in each group of classes.
        Each stands for its best class; with ``nms_per_class`` the best classes of all of them do.
        On a GPU they are always as many, see ``decode_center.peaks``; a CPU leaves out at once
        those whose scores are finite and below the threshold: nearly all.
        """
        find = self._per_class if self._config.decode.nms_per_class else self._per_anchor
        return [find(maps, sample) for sample in range(len(maps.heatmap))]

    def _per_anchor(self, maps: CellMaps, sample: int) -> Detections:
        """Each candidate for its best class, in each group of classes."""
        levels = self._levels(maps, sample)
        groups = self._config.class_groups
        return join([self._best(each, sample, group)[0] for group in groups for each in levels])

    def _per_class(self, maps: CellMaps, sample: int) -> Detections:
        """The best pairs of a candidate and a class, over all levels."""
        classes = len(self._config.classes)
        levels = self._levels(maps, sample)
        each = [self._best(level, sample, range(classes)) for level in levels]
        found, scores = join([boxes for boxes, _ in each]), torch.cat([rows for _, rows in each])
        # No more than anchors, so that a network that has learnt nothing is not slow.
        most = sum(min(self._config.decode.max_candidates, len(level)) for level in self._anchors)
        best, pair = scores.flatten().topk(min(most, scores.numel()))
        row = torch.div(pair, classes, rounding_mode="floor")
        return found.select(row)._replace(scores=best, labels=pair % classes)

    def _levels(self, maps: CellMaps, sample: int) -> list[_Level]:
        return [
            _Level(number, level, *self._likely(level.heatmap[sample]))
            for number, level in enumerate(maps.levels)
        ]

    def _likely(self, heatmap: Tensor) -> tuple[Tensor | None, Tensor]:
        """``anchors`` and ``scores`` of a level, whose logits are ``[A * K, H, W]``."""
        classes = len(self._config.classes)
        logits = heatmap.permute(1, 2, 0).reshape(-1, classes)
        if logits.device.type != "cpu":  # it would have to wait for how many there are
            return None, probability(logits)
        quiet = (logits < self._least_logit).logical_and_(logits > -math.inf)
        pair = quiet.logical_not_().flatten().nonzero().squeeze(1)
        anchors = torch.unique_consecutive(torch.div(pair, classes, rounding_mode="floor"))
        return anchors, probability(logits[anchors])

    def _best(self, level: _Level, sample: int, group: Sequence[int]) -> tuple[Detections, Tensor]:
        """The candidates for a group of classes, and their scores ``[D, K]`` for all classes."""
        best, place = of_group(level.scores.T, group).max(dim=0)
        score, row = best.topk(min(self._config.decode.max_candidates, len(best)))
        anchor = row if level.anchors is None else level.anchors[row]
        boxes, velocities, facing = self._boxes(level, sample, anchor)
        label = class_numbers(place[row], group)
        return Detections(boxes, score, label, velocities, facing), level.scores[row]

    def _boxes(
        self, level: _Level, sample: int, anchor: Tensor
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Boxes, velocities and how sure the front is, of anchors ``[D]`` of a level."""
        difference, direction = self._told(level.maps, sample, anchor)
        boxes = decode_boxes(difference, self._anchors[level.number][anchor])
        offset = self._head.direction_offset_rad
        yaw = yaw_in_bin(boxes[:, 6], direction.argmax(dim=1), offset)
        velocities = boxes[:, 7:] if self._head.velocity else None
        boxes = torch.cat((boxes[:, :6], wrap_angle(yaw)[:, None]), dim=1)
        for told in (difference, direction):
            boxes = boxes + zero_or_nan(told).sum(dim=1, keepdim=True)
        facing = direction.nan_to_num(0.0, 0.0, 0.0).softmax(dim=1).amax(dim=1)
        return boxes, velocities, facing

    def _told(self, maps: CellMaps, sample: int, anchor: Tensor) -> tuple[Tensor, Tensor]:
        """Differences ``[D, 7 or 9]`` and directions ``[D, 2]`` of anchors."""
        per_cell = self._head.per_cell
        cell = torch.div(anchor, per_cell, rounding_mode="floor")
        values = maps.at(sample, cell)
        assert values.direction is not None
        row, place = torch.arange(len(anchor), device=anchor.device), anchor - cell * per_cell
        differences = values.box.reshape(len(anchor), per_cell, self._head.box_values)
        directions = values.direction.reshape(len(anchor), per_cell, 2)
        return differences[row, place], directions[row, place]


def _logit(probability: float) -> float:
    """The inverse of a sigmoid; infinite of 0 and 1."""
    if probability in (0, 1):
        return math.inf if probability else -math.inf
    return math.log(probability / (1 - probability))
