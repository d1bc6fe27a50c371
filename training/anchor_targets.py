"""Boxes -> what an anchor head should say (SECOND section 3.1.4, PointPillars section 3.1)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.anchors import (
    anchor_head,
    direction_bin,
    encode_boxes,
    make_anchors,
    nearest_bev_iou,
)
from pd_ros.detection.config import ModelConfig
from training.labels import Labels

BACKGROUND, NOT_COUNTED = -1, -2


class AnchorTargets(NamedTuple):
    """Targets of a batch; ``N`` anchors per sample, ``M`` of them matched over all samples."""

    label: Tensor  # [B, N] int8: class, BACKGROUND or NOT_COUNTED
    sample: Tensor  # [M] int64
    anchor: Tensor  # [M] int64
    box: Tensor  # [M, 7] differences from the anchor
    direction: Tensor  # [M] int64, 0 or 1


class AnchorAssigner:
    """Assigns anchors to objects class by class; keeps the anchors of its config."""

    def __init__(self, config: ModelConfig) -> None:
        self._head = anchor_head(config)
        self._anchors = make_anchors(config)
        self._per_class = len(self._head.rotations_rad)

    def __call__(self, labels: Sequence[Labels]) -> AnchorTargets:
        """Targets of a batch of frames; frames without objects are background."""
        label, samples, anchors, boxes = [], [], [], []
        for number, frame in enumerate(labels):
            label.append(torch.full((len(self._anchors),), BACKGROUND, dtype=torch.int8))
            matched, owner = self._assign(frame, label[-1])
            samples.append(torch.full_like(matched, number))
            anchors.append(matched)
            boxes.append(frame.boxes[owner])
        anchor, box = torch.cat(anchors), torch.cat(boxes)
        return AnchorTargets(
            torch.stack(label),
            torch.cat(samples),
            anchor,
            encode_boxes(box, self._anchors[anchor]),
            direction_bin(box[:, 6], self._head.direction_offset_rad),
        )

    def _assign(self, frame: Labels, label: Tensor) -> tuple[Tensor, Tensor]:
        """Write classes into ``label [N]``; returns matched anchors and their boxes' numbers."""
        if len(frame.ignored):
            touched = nearest_bev_iou(self._anchors, frame.ignored) > 0
            label[touched.any(dim=1)] = NOT_COUNTED
        matched, owners = [], []
        for class_number, anchor in enumerate(self._head.anchors):
            members = self._members(class_number)
            objects = (frame.classes == class_number).nonzero().squeeze(1)
            if not len(objects):
                continue
            iou = nearest_bev_iou(self._anchors[members], frame.boxes[objects])
            best, owner = iou.max(dim=1)
            label[members[best >= anchor.unmatched_iou]] = NOT_COUNTED
            # An object that no anchor overlaps enough still has the anchors that come nearest.
            nearest = (iou == iou.amax(dim=0)) & (iou > 0)
            owner = torch.where(nearest.any(dim=1), nearest.int().argmax(dim=1), owner)
            chosen = (best >= anchor.matched_iou) | nearest.any(dim=1)
            label[members[chosen]] = class_number
            matched.append(members[chosen])
            owners.append(objects[owner[chosen]])
        none = torch.zeros(0, dtype=torch.int64)
        return torch.cat([none, *matched]), torch.cat([none, *owners])

    def _members(self, class_number: int) -> Tensor:
        """Numbers of all anchors of a class."""
        total = self._per_class * len(self._head.anchors)
        first = torch.arange(0, len(self._anchors), total)
        turns = torch.arange(self._per_class) + class_number * self._per_class
        return (first[:, None] + turns).flatten()
