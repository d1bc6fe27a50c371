"""Distillation losses: (student, teacher, targets) -> named scalars; the teacher is constant."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from pd_ros.detection.types import ModelOutput
from training.config import DistillConfig
from training.losses import gather_cells, probabilities, weighted_mean
from training.targets import Targets


class DistillLoss(NamedTuple):
    """Terms of the distillation loss, before their weights."""

    heatmap: Tensor
    box: Tensor

    def total(self, weights: DistillConfig) -> Tensor:
        """Weighted sum."""
        return weights.heatmap * self.heatmap + weights.box * self.box


def distill_loss(student: ModelOutput, teacher: ModelOutput, targets: Targets) -> DistillLoss:
    """Logit and regression KD at pivotal positions, soft Gaussian mask (SparseKD section 3.3).

    ``targets`` are drawn at the teacher's resolution; a student's map of another resolution is
    resized, and then its boxes are not compared.
    """
    teacher_probability = probabilities(teacher.heatmap.detach())
    student_probability = probabilities(student.heatmap)
    same_size = student_probability.shape == teacher_probability.shape
    if not same_size:
        student_probability = F.interpolate(
            student_probability, teacher_probability.shape[-2:], mode="bilinear"
        )
    mask = teacher_probability.amax(dim=1) * targets.heatmap.amax(dim=1)
    heatmap = masked_squared_error(student_probability, teacher_probability, mask)
    box = _box_error(student, teacher, targets) if same_size else heatmap.new_zeros(())
    return DistillLoss(heatmap, box)


def masked_squared_error(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Squared error ``[B, K, H, W]`` summed over classes, averaged with weights ``[B, H, W]``."""
    error = ((student - teacher) ** 2).sum(dim=1)
    return (mask * error).sum() / (mask.sum() + 1e-6)


def _box_error(student: ModelOutput, teacher: ModelOutput, targets: Targets) -> Tensor:
    learnt = gather_cells(student.box, targets.sample, targets.cell)
    taught = gather_cells(teacher.box.detach(), targets.sample, targets.cell)
    return weighted_mean(torch.abs(learnt - taught).sum(dim=1), targets.weight)
