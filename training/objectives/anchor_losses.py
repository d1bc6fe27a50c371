"""Losses of an anchor head: (output, targets) -> named scalars (SECOND section 3.2)."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from pd_ros.detection.bev.anchor_head import AnchorValues, by_anchor
from pd_ros.detection.types import ModelOutput
from training.config.run import AnchorLossConfig
from training.objectives.anchor_targets import BACKGROUND, NOT_COUNTED, AnchorTargets

_ALPHA, _GAMMA = 0.25, 2.0
SMOOTH_L1_BETA = 1 / 9


class AnchorLoss(NamedTuple):
    """Terms of the detection loss, before their weights."""

    classes: Tensor
    box: Tensor
    direction: Tensor
    velocity: Tensor  # 0 of a head without

    def total(self, weights: AnchorLossConfig) -> Tensor:
        """Weighted sum."""
        return (
            weights.classes * self.classes
            + weights.box * self.box
            + weights.direction * self.direction
            + weights.velocity * self.velocity
        )


def anchor_loss(output: ModelOutput, targets: AnchorTargets) -> AnchorLoss:
    """Focal loss of the classes, smooth L1 of boxes and velocities, cross entropy of directions.

    Each is summed over a sample's anchors, divided by its matched ones (at least 1), and averaged
    over the batch. A velocity that nobody knows costs nothing.
    """
    values = by_anchor(output.maps)
    per_match = share_of_match(targets)
    box = values.box[targets.sample, targets.anchor]
    direction = values.direction[targets.sample, targets.anchor]
    turned = F.cross_entropy(direction, targets.direction, reduction="none")
    weight = per_match[targets.sample]
    return AnchorLoss(
        _classes_loss(values, targets, per_match),
        (box_error(box[:, :7], targets.box[:, :7]) * weight).sum(),
        (turned * weight).sum(),
        (velocity_error(box[:, 7:], targets.box[:, 7:]) * weight).sum(),
    )


def share_of_match(targets: AnchorTargets) -> Tensor:
    """Weight of one anchor of each sample: ``[B]``."""
    batch = len(targets.label)
    matched = torch.bincount(targets.sample, minlength=batch).clamp(min=1)
    return 1.0 / (matched * batch)


def _classes_loss(values: AnchorValues, targets: AnchorTargets, per_match: Tensor) -> Tensor:
    logits = values.classes
    label = targets.label.long()
    wanted = F.one_hot(label.clamp(min=0), logits.shape[2]) * (label > BACKGROUND)[..., None]
    loss = focal_loss(logits, wanted.to(logits.dtype)).sum(dim=2)
    return (loss * (label != NOT_COUNTED) * per_match[:, None]).sum()


def focal_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Focal loss (RetinaNet section 3) of logits and targets in {0, 1}, element by element."""
    probability = logits.sigmoid()
    missed = torch.where(target > 0, 1 - probability, probability)
    balance = torch.where(target > 0, _ALPHA, 1 - _ALPHA)
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return balance * missed**_GAMMA * entropy


def box_error(predicted: Tensor, target: Tensor) -> Tensor:
    """Smooth L1 of differences ``[M, 7]``: ``[M]``; of the yaw, the sine of the error counts.

    So a box that looks the wrong way costs nothing here; the direction's loss sees it.
    """
    error = predicted - target
    error = torch.cat((error[:, :6], torch.sin(error[:, 6:])), dim=1)
    return _smooth_l1(error)


def velocity_error(predicted: Tensor, target: Tensor) -> Tensor:
    """Smooth L1 of velocities ``[M, 2]`` in m/s: ``[M]``; 0 where the target is NaN."""
    error = predicted - torch.where(target.isfinite(), target, predicted.detach())
    return _smooth_l1(error)


def _smooth_l1(error: Tensor) -> Tensor:
    zero = torch.zeros_like(error)
    return F.smooth_l1_loss(error, zero, reduction="none", beta=SMOOTH_L1_BETA).sum(dim=1)
