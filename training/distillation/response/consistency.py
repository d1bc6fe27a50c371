"""Consistency of boxes (SE-SSD, Zheng et al. 2021), with a teacher that does not change."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from pd_ros.detection.boxes import bev_iou
from pd_ros.detection.types import Detections
from training.config.compared import ConsistencyConfig
from training.distillation.decoding import BoxDecoder
from training.distillation.method import BevPair, DistillBatch, DistillLoss

_BETA = 1 / 9  # sigma = 3


class Consistency(DistillLoss):
    """Boxes and scores of the student's boxes, against the teacher's that they overlap most.

    Both networks see the same input, so no augmentation has to be undone. The term for predicted
    overlaps is left out: no head here predicts them.
    """

    reads = ("heatmap", "box")

    def __init__(self, config: ConsistencyConfig, pair: BevPair) -> None:
        super().__init__()
        self.config = config
        self._student, self._teacher = (BoxDecoder(network, 1.0, config.score) for network in pair)

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Mean over the batch; a sample without matches counts as 0."""
        found = zip(self._student(outputs.student), self._teacher(outputs.teacher), strict=True)
        losses = [consistency_loss(*pair, self.config.overlap) for pair in found]
        return torch.stack(losses).mean() * ramp(outputs.epoch, self.config.ramp_epochs)


def consistency_loss(student: Detections, teacher: Detections, overlap: float) -> Tensor:
    """Loss of one sample: each box of the student with its best of the same class, if above."""
    iou = bev_iou(student.boxes.detach(), teacher.boxes)
    iou = iou * (student.labels[:, None] == teacher.labels[None])
    if not iou.numel():
        return 0.0 * (student.scores.sum() + student.boxes.sum())
    best, partner = iou.max(dim=1)
    matched = (best > overlap).nonzero().squeeze(1)
    if not len(matched):
        return 0.0 * (student.scores.sum() + student.boxes.sum())
    partner = partner[matched]
    mine, theirs = student.boxes[matched], teacher.boxes[partner]
    difference = torch.cat((mine[:, :6] - theirs[:, :6], (mine[:, 6:] - theirs[:, 6:]).sin()), 1)
    zeros = torch.zeros_like(difference)
    box = F.smooth_l1_loss(difference, zeros, beta=_BETA)  # over boxes and their 7 values
    score = F.smooth_l1_loss(student.scores[matched], teacher.scores[partner], beta=_BETA)
    return box + score


def ramp(epoch: int, epochs: int) -> float:
    """Return how much the term counts in an epoch (from 0): 1 after ``epochs``."""
    return math.exp(-5 * (1 - min(epoch, epochs) / epochs) ** 2)
