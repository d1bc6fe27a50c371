"""Distil heatmaps and classes: everywhere, or at the teacher's best positions.

Everywhere as Hinton et al. 2015, also for anchors' classes. At the best positions logit KD
(SparseKD section 3.3), and rank KD, which compares the distribution of scores over them (its
released code).
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from training.config.compared import HintonConfig
from training.config.sparse import Gaussian, LogitConfig, RankDistributionConfig
from training.distillation.maps import resize_to
from training.distillation.method import DistillBatch, DistillLoss
from training.distillation.requirements import BevUse, most_levels, same_anchors, two_center_heads
from training.objectives.center_loss import probabilities
from training.objectives.center_targets import Targets


def _one_map(use: BevUse) -> Iterator[str]:
    """Neither head looks at a pyramid, which has several maps."""
    if (levels := most_levels(use)) > 1:
        yield f"hinton: compares one map, a pyramid's head has {levels}; take anchor_logit"


class Hinton(DistillLoss):
    """Squared error or cross entropy of probabilities, summed over a cell, mean over cells.

    Heads say yes or no for every class, so sigmoids stand for the paper's softened softmax.
    """

    reads = ("heatmap",)
    requires = (same_anchors, _one_map)

    def __init__(self, config: HintonConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch; the student's map is brought to the teacher's size."""
        teacher = probabilities(outputs.teacher.heatmap)
        student = resize_to(probabilities(outputs.student.heatmap), teacher)
        measure = F.mse_loss if self.config.loss == "mse" else F.binary_cross_entropy
        return measure(student, teacher, reduction="none").sum(dim=1).mean()


class Logit(DistillLoss):
    """Difference of probabilities, weighted by a mask of positions."""

    reads = ("heatmap",)
    requires = (two_center_heads,)

    def __init__(self, config: LogitConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch; the mask's ground truth has the size at which maps are compared."""
        config = self.config
        student = probabilities(outputs.student.heatmap)
        teacher = probabilities(outputs.teacher.heatmap)
        targets = outputs.batch.teacher_targets
        if config.resolution == "student":
            teacher, targets = resize_to(teacher, student), outputs.batch.targets
        assert isinstance(targets, Targets)
        student = resize_to(student, teacher)
        mask = position_mask(teacher, targets.heatmap, config)
        if config.loss == "focal":
            target, learnt = (student, teacher) if config.swapped else (teacher, student)
            return soft_focal_loss(learnt, target, mask, config.positive_score)
        measure = F.mse_loss if config.loss == "mse" else F.smooth_l1_loss
        error = measure(student, teacher, reduction="none").sum(dim=1)
        return masked_mean(error, mask)


def position_mask(teacher: Tensor, gaussians: Tensor, config: LogitConfig) -> Tensor:
    """Weight each cell: ``[B, H, W]``, from maps ``[B, K, H, W]`` of the same size."""
    best = teacher.amax(dim=1)
    mask = best if config.gated else torch.ones_like(best)
    mask = mask * gaussian_mask(gaussians, config.gaussian)
    if config.threshold > 0:
        mask = mask * (best > config.threshold)
    return mask if config.rank is None else mask * top_positions(teacher, config.rank)


def gaussian_mask(gaussians: Tensor, kind: Gaussian) -> Tensor:
    """Mask ``[B, H, W]`` of the objects' Gaussians ``[B, K, H, W]``."""
    highest = gaussians.amax(dim=1)
    if kind == "soft":
        return highest
    return (highest > 0).to(highest.dtype) if kind == "hard" else torch.ones_like(highest)


def top_positions(scores: Tensor, rank: int) -> Tensor:
    """1 in the cells ``[B, H, W]`` that hold one of the ``rank`` best scores of their sample."""
    flat = scores.flatten(1)
    best = flat.topk(min(rank, flat.shape[1]), dim=1).indices
    return torch.zeros_like(flat).scatter_(1, best, 1.0).view_as(scores).amax(dim=1)


def masked_mean(error: Tensor, mask: Tensor) -> Tensor:
    """Mean of the cells ``[B, ...]`` with weights of the same shape; 0 where all of them are."""
    return (mask * error).sum() / (mask.sum() + 1e-6)


def soft_focal_loss(learnt: Tensor, target: Tensor, mask: Tensor, positive: float) -> Tensor:
    """CornerNet's focal loss against a probability map; what reaches ``positive`` is an object.

    Maps ``[B, K, H, W]``, mask ``[B, H, W]``; divided by the number of objects, at least 1.
    """
    objects = target >= positive
    missed = torch.log(learnt) * (1 - learnt) ** 2
    false = torch.log(1 - learnt) * learnt**2 * (1 - target) ** 4
    loss = torch.where(objects, missed, false) * mask[:, None]
    return -loss.sum() / objects.sum().clamp(min=1)


class RankDistribution(DistillLoss):
    """Cross entropy of normalised scores at the best (class, cell) entries of each sample."""

    reads = ("heatmap",)
    requires = (two_center_heads,)

    def __init__(self, config: RankDistributionConfig) -> None:
        super().__init__()
        self.rank = config.rank

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch; the student's map is brought to the teacher's size."""
        teacher = probabilities(outputs.teacher.heatmap)
        student = resize_to(probabilities(outputs.student.heatmap), teacher)
        return rank_cross_entropy(student.flatten(1), teacher.flatten(1), self.rank)


def rank_cross_entropy(student: Tensor, teacher: Tensor, rank: int) -> Tensor:
    """``-mean(q_T log q_S)`` of scores ``[B, M]`` at the teacher's best, each sum brought to 1."""
    best, index = teacher.topk(min(rank, teacher.shape[1]), dim=1)
    learnt = student.gather(1, index)
    shares = learnt / learnt.sum(dim=1, keepdim=True)
    return -(best / best.sum(dim=1, keepdim=True) * shares.log()).mean()
