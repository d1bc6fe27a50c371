"""Comprehensive overhaul of feature distillation (Heo et al. 2019): stages before their ReLU."""

import math

import torch
from torch import Tensor, nn

from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.families import AnyModel
from training.config.compared import OverhaulConfig
from training.distillation.maps import channel_adapter, resize_to, tapped_widths
from training.distillation.method import BevPair, DistillBatch, DistillLoss
from training.distillation.requirements import same_stages


class Overhaul(DistillLoss):
    """Partial L2 to the teacher's stages above a margin; each weighs twice the finer one."""

    reads = ("linear_stages",)
    requires = (same_stages,)

    def __init__(self, config: OverhaulConfig, pair: BevPair, teacher: BevDetector) -> None:
        super().__init__()
        self._scale = config.scale
        widths = zip(*(tapped_widths(network, "stages") for network in pair), strict=True)
        self.adapters = nn.ModuleList(channel_adapter(*each) for each in widths)
        for number, adapter in enumerate(self.adapters):
            assert isinstance(adapter, nn.Sequential) and isinstance(adapter[0], nn.Conv2d)
            nn.init.normal_(adapter[0].weight, std=math.sqrt(2 / adapter[0].out_channels))
            norm = teacher.dense.backbone.last_norm(number)
            margin = expected_negative(norm.bias.detach(), norm.weight.detach().abs())
            self.register_buffer(f"margin{number}", margin, persistent=False)

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Sum over a scene's cells and channels, mean over the batch."""
        student, teacher = outputs.student.linear_stages, outputs.teacher.linear_stages
        batch = len(outputs.student.heatmap)
        losses = []
        for number, adapter in enumerate(self.adapters):
            target = teacher[number].float()
            learnt = resize_to(adapter(student[number].float()), target)
            margin = self.get_buffer(f"margin{number}")
            target = torch.maximum(target, margin[:, None, None])
            share = 0.5 ** (len(teacher) - 1 - number)
            losses.append(share * partial_squared_error(learnt, target))
        return torch.stack(losses).sum() * self._scale / batch


def keep_linear_stages(model: AnyModel) -> None:
    """Have a network give its stages before their last ReLU, too."""
    assert isinstance(model, BevDetector)
    model.keeps_linear = True


def expected_negative(mean: Tensor, deviation: Tensor) -> Tensor:
    """Mean of a normal variable where it is negative; -3 deviations where it hardly ever is."""
    below = 0.5 * (1 + torch.erf(-mean / deviation / math.sqrt(2)))
    density = torch.exp(-((mean / deviation) ** 2) / 2) / math.sqrt(2 * math.pi)
    return torch.where(below > 1e-3, mean - deviation * density / below, -3 * deviation)


def partial_squared_error(student: Tensor, target: Tensor) -> Tensor:
    """Sum of squares, but where the target is at most 0 and the student at or below it."""
    counts = (student > target) | (target > 0)
    return ((student - target) ** 2 * counts).sum()
