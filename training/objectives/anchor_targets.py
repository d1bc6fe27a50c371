"""Boxes -> what an anchor head should say (SECOND section 3.1.4, PointPillars section 3.1)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.bev.anchors import (
    anchor_head,
    direction_bin,
    encode_boxes,
    footprint_iou,
    level_anchors,
    make_anchors,
    nearest_footprint,
)
from pd_ros.detection.config.bev import ModelConfig
from training.datasets.frame import Labels
from training.objectives.center_targets import heaviest_of_each

BACKGROUND, NOT_COUNTED = -1, -2
# What rounding may move an anchor's border by, and far more.
_MARGIN_M = 1e-3


class Overlaps(NamedTuple):
    """Pairs that share some ground; those of one anchor are in the order of the boxes."""

    anchor: Tensor  # [P] int64
    box: Tensor  # [P] int64
    iou: Tensor  # [P] > 0, of footprints turned to the nearest right angle (PointPillars, 3.1)


class AnchorLattice:
    """The anchors of a config with the places of their rows and columns."""

    def __init__(self, config: ModelConfig) -> None:
        self._levels = [_Level(anchors) for anchors in level_anchors(config)]

    def overlaps(self, boxes: Tensor, members: Sequence[int]) -> Overlaps:
        """Pairs of anchors and boxes ``[M, 7]``; ``members``: which anchors of each cell."""
        found, first = [], 0
        for level in self._levels:
            pairs = level.overlaps(boxes, torch.tensor(members))
            found.append(pairs._replace(anchor=pairs.anchor + first))
            first += level.anchors
        return Overlaps(*(torch.cat(parts) for parts in zip(*found, strict=True)))


class _Level:
    """Anchors ``[rows, columns, A, 7]`` of one map, as :func:`level_anchors` gives them."""

    def __init__(self, anchors: Tensor) -> None:
        self.anchors = anchors.shape[:3].numel()
        self._x, self._y = anchors[0, :, 0, 0].contiguous(), anchors[:, 0, 0, 1].contiguous()
        self._per_cell = anchors.shape[2]
        self._footprints = nearest_footprint(anchors.flatten(0, 2))

    def overlaps(self, boxes: Tensor, members: Tensor) -> Overlaps:
        """As of the lattice."""
        footprints = nearest_footprint(boxes)
        of_cell = self._footprints[members]
        reach = (of_cell[:, 2:] - of_cell[:, :2]).amax(dim=0) / 2 + _MARGIN_M
        low, high = (footprints[:, :2] - reach).T, (footprints[:, 2:] + reach).T
        column, in_columns = _window(self._x, low[0].contiguous(), high[0].contiguous())
        row, in_rows = _window(self._y, low[1].contiguous(), high[1].contiguous())
        cell = row[:, :, None] * len(self._x) + column[:, None]
        anchor = cell[..., None] * self._per_cell + members
        iou = footprint_iou(self._footprints[anchor], footprints[:, None, None, None])
        shared = (iou > 0) & (in_rows[:, :, None] & in_columns[:, None])[..., None]
        return Overlaps(anchor[shared], shared.nonzero()[:, 0], iou[shared])


def _window(places: Tensor, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """Numbers ``[M, W]`` of the rising places within bounds ``[M]``, and which are within."""
    first, end = torch.searchsorted(places, low), torch.searchsorted(places, high)
    width = int((end - first).max()) if len(low) else 0
    number = first[:, None] + torch.arange(width)
    return number.clamp(max=len(places) - 1), number < end[:, None]


class AnchorTargets(NamedTuple):
    """Targets of a batch; ``N`` anchors per sample, ``M`` of them matched over all samples."""

    label: Tensor  # [B, N] int8: class, BACKGROUND or NOT_COUNTED
    sample: Tensor  # [M] int64
    anchor: Tensor  # [M] int64
    box: Tensor  # [M, 7] differences from the anchor; [M, 9] with velocity, NaN if unknown
    direction: Tensor  # [M] int64, 0 or 1


class AnchorAssigner:
    """Assigns anchors to objects; keeps the anchors of its config.

    Anchors are assigned class by class, or without regard to classes where the head is class-free.
    """

    def __init__(self, config: ModelConfig) -> None:
        self._head = anchor_head(config)
        self._anchors = make_anchors(config)
        self._lattice = AnchorLattice(config)
        thresholds = [(a.matched_iou, a.unmatched_iou) for a in self._head.anchors]
        turns = len(self._head.rotations_rad)
        self._thresholds = torch.tensor(thresholds).repeat_interleave(turns, dim=0)
        self._per_cell = len(self._thresholds)

    def __call__(self, labels: Sequence[Labels]) -> AnchorTargets:
        """Targets of a batch of frames; frames without objects are background."""
        label, samples, anchors, boxes = [], [], [], []
        for number, frame in enumerate(labels):
            label.append(torch.full((len(self._anchors),), BACKGROUND, dtype=torch.int8))
            matched, owner = self._assign(frame, label[-1])
            samples.append(torch.full_like(matched, number))
            anchors.append(matched)
            boxes.append(self._moving_boxes(frame)[owner])
        anchor, box = torch.cat(anchors), torch.cat(boxes)
        return AnchorTargets(
            torch.stack(label),
            torch.cat(samples),
            anchor,
            encode_boxes(box, self._anchors[anchor]),
            direction_bin(box[:, 6], self._head.direction_offset_rad),
        )

    def _moving_boxes(self, frame: Labels) -> Tensor:
        """Boxes ``[M, 7]``, or ``[M, 9]`` of a head that tells velocities."""
        if not self._head.velocity:
            return frame.boxes
        return torch.cat((frame.boxes, frame.all_velocities()), dim=1)

    def _assign(self, frame: Labels, label: Tensor) -> tuple[Tensor, Tensor]:
        """Write classes into ``label [N]``; returns matched anchors and their boxes' numbers."""
        if len(frame.ignored):
            touched = self._lattice.overlaps(frame.ignored, range(self._per_cell))
            label[touched.anchor] = NOT_COUNTED
        none = torch.zeros(0, dtype=torch.int64)
        matched, owners = [none], [none]
        for members, objects in self._groups(frame):
            pairs = self._lattice.overlaps(frame.boxes[objects], members)
            anchor, owner = self._match(pairs, len(objects), label)
            label[anchor] = frame.classes[objects[owner]].to(label.dtype)
            matched.append(anchor)
            owners.append(objects[owner])
        return torch.cat(matched), torch.cat(owners)

    def _groups(self, frame: Labels) -> list[tuple[range, Tensor]]:
        """Group the anchors of a cell with the objects that they may learn, by their numbers."""
        if self._head.class_free:
            return [(range(self._per_cell), torch.arange(len(frame.boxes)))]
        turns = len(self._head.rotations_rad)
        return [
            (range(number * turns, (number + 1) * turns), objects)
            for number in range(len(self._head.anchors))
            if len(objects := (frame.classes == number).nonzero().squeeze(1))
        ]

    def _match(self, pairs: Overlaps, objects: int, label: Tensor) -> tuple[Tensor, Tensor]:
        """Matched anchors and the objects they learn; marks in ``label`` what does not count."""
        matched_iou, unmatched_iou = self._thresholds[pairs.anchor % self._per_cell].unbind(1)
        label[pairs.anchor[pairs.iou >= unmatched_iou]] = NOT_COUNTED
        # An object that no anchor overlaps enough still has the anchors that come nearest.
        best = torch.zeros(objects).scatter_reduce_(0, pairs.box, pairs.iou, "amax")
        nearest = (pairs.iou == best[pairs.box]) & (pairs.iou >= self._head.nearest_iou)
        chosen = ((pairs.iou >= matched_iou) | nearest).nonzero().squeeze(1)
        # They learn it even where they overlap another one more.
        weight = torch.where(nearest, 2.0, pairs.iou)
        first = chosen[heaviest_of_each(pairs.anchor[chosen], weight[chosen])]
        return pairs.anchor[first], pairs.box[first]
