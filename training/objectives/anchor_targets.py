"""Boxes -> what an anchor head should say (SECOND section 3.1.4, PointPillars section 3.1)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.bev.anchors import anchor_head, direction_bin, encode_boxes, make_anchors
from pd_ros.detection.config.bev import ModelConfig
from training.datasets.frame import Labels
from training.objectives.anchor_overlaps import AnchorLattice, Overlaps
from training.objectives.center_targets import heaviest_of_each

BACKGROUND, NOT_COUNTED = -1, -2


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
        """Which anchors of a cell may learn which objects, by their numbers."""
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
