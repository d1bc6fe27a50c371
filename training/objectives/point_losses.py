"""Losses of PointRCNN's two stages: (output, targets) -> named scalars (Shi et al. section 3)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from pd_ros.detection.bev.anchors import decode_boxes, encode_boxes
from pd_ros.detection.boxes import bev_corners
from pd_ros.detection.point_rcnn.box_coder import encode_from_points, into_proposals, own_frame
from pd_ros.detection.types import PointOutput, PointRcnnOutput
from training.config.run import PointLossConfig
from training.objectives.anchor_losses import SMOOTH_L1_BETA, focal_loss
from training.objectives.point_targets import (
    LEARNT_IOU,
    NEGATIVE_IOU,
    NOT_COUNTED,
    POSITIVE_IOU,
    PointLabels,
    PointTargets,
    label_points,
    match_proposals,
)


class PointRcnnLoss(NamedTuple):
    """Terms of the detection loss, before their weights."""

    points: Tensor  # classes of the points
    point_box: Tensor
    score: Tensor  # of the proposals
    box: Tensor
    corner: Tensor

    def total(self, weights: PointLossConfig) -> Tensor:
        """Weighted sum."""
        return (
            weights.points * self.points
            + weights.point_box * self.point_box
            + weights.score * self.score
            + weights.box * self.box
            + weights.corner * self.corner
        )


def point_rcnn_loss(
    output: PointRcnnOutput, targets: PointTargets, config: PointLossConfig
) -> PointRcnnLoss:
    """Focal loss and smooth L1 of the points; cross entropy, smooth L1 and corners of proposals.

    Those of the points go over the points on objects of the whole batch, the others over the
    proposals that count; none give 0.
    """
    labels = label_points(output.points.points, targets)
    return PointRcnnLoss(
        segmentation_loss(output.points, labels),
        point_box_loss(output.points, labels, targets, config.heading),
        *_second_stage(output, targets),
    )


def segmentation_loss(output: PointOutput, labels: PointLabels) -> Tensor:
    """Focal loss of the points' classes, over the number of points on objects."""
    label = labels.label
    logits = output.classes.float().mT
    wanted = F.one_hot(label.clamp(min=0), logits.shape[2]) * (label >= 0)[..., None]
    loss = focal_loss(logits, wanted.to(logits.dtype)).sum(dim=2)
    return (loss * (label != NOT_COUNTED)).sum() / (label >= 0).sum().clamp(min=1)


def point_box_loss(
    output: PointOutput, labels: PointLabels, targets: PointTargets, heading: float
) -> Tensor:
    """Smooth L1 of the boxes of points on objects, their mean.

    Of the error of cos and sin of the yaw, the share ``heading`` counts as it is; of the rest, the
    smaller of the errors against the target and against the target turned around.
    """
    sample, point = (labels.label >= 0).nonzero(as_tuple=True)
    boxes = targets.boxes[labels.owner[sample, point]]
    sizes = targets.sizes[labels.label[sample, point]]
    wanted = encode_from_points(boxes, output.points[sample, point], sizes)
    predicted = output.box.float()[sample, :, point]
    ahead, behind = _smooth_l1(predicted, wanted), _smooth_l1(predicted[:, 6:], -wanted[:, 6:])
    either_way = torch.minimum(ahead[:, 6:].sum(dim=1), behind.sum(dim=1))
    error = ahead[:, :6].sum(dim=1) + heading * ahead[:, 6:].sum(dim=1)
    return (error + (1 - heading) * either_way).sum() / max(1, len(point))


def _second_stage(output: PointRcnnOutput, targets: PointTargets) -> tuple[Tensor, Tensor, Tensor]:
    proposals, matches = output.proposals, match_proposals(output.proposals, targets)
    counted = (matches.iou > POSITIVE_IOU) | ((matches.iou < NEGATIVE_IOU) & ~matches.hidden)
    entropy = F.binary_cross_entropy_with_logits(
        output.refined.score.float(), (matches.iou > POSITIVE_IOU).float(), reduction="none"
    )
    score = (entropy * counted).sum() / counted.sum().clamp(min=1)
    learnt = (matches.iou >= LEARNT_IOU).nonzero().squeeze(1)
    own = proposals.boxes[learnt]
    boxes = look_ahead(into_proposals(targets.boxes[matches.owner[learnt]], own))
    upright = own_frame(own)
    predicted = output.refined.box.float()[learnt]
    box = _smooth_l1(predicted, encode_boxes(boxes, upright)).sum() / max(1, len(learnt))
    corner = corner_loss(decode_boxes(predicted, upright), boxes).sum() / max(1, len(learnt))
    return score, box, corner


def look_ahead(boxes: Tensor) -> Tensor:
    """Boxes ``[N, 7]`` turned by half turns to yaws in [-pi/2, pi/2).

    The second stage keeps the direction that the first one chose.
    """
    yaw = torch.remainder(boxes[:, 6:] + math.pi / 2, math.pi) - math.pi / 2
    return torch.cat((boxes[:, :6], yaw), dim=1)


def corner_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean smooth L1 of how far the eight corners of boxes ``[N, 7]`` are apart: ``[N]``.

    Against the target as it is or turned around, whichever is nearer (Frustum PointNets, 5).
    """
    turned = target + target.new_tensor([0, 0, 0, 0, 0, 0, math.pi])
    return torch.minimum(_corner_error(predicted, target), _corner_error(predicted, turned))


def _corner_error(a: Tensor, b: Tensor) -> Tensor:
    # Away from 0, where a root has no gradient.
    squared = (_corners(a) - _corners(b)).square().sum(dim=2) + 1e-12
    apart = squared.sqrt()
    return F.smooth_l1_loss(apart, torch.zeros_like(apart), reduction="none").mean(dim=1)


def _corners(boxes: Tensor) -> Tensor:
    """Corners ``[N, 8, 3]`` of boxes ``[N, 7]``: the lower ones, then the upper ones."""
    flat = bev_corners(boxes)
    levels = [
        torch.cat((flat, (boxes[:, 2] + side * boxes[:, 5])[:, None, None].expand(-1, 4, 1)), 2)
        for side in (-0.5, 0.5)
    ]
    return torch.cat(levels, dim=1)


def _smooth_l1(predicted: Tensor, target: Tensor) -> Tensor:
    return F.smooth_l1_loss(predicted, target, reduction="none", beta=SMOOTH_L1_BETA)
