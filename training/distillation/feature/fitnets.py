"""Hints from whole maps (FitNets, Romero et al. 2015), learnt together with the task."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.config.compared import FitNetsConfig
from training.distillation.maps import channel_adapter, resize_to, tapped_maps, tapped_widths
from training.distillation.method import BevPair, DistillBatch, DistillLoss
from training.distillation.requirements import same_tapped_stages


class FitNets(DistillLoss):
    """Mean squared error of maps, the student's through a regressor; summed over maps."""

    requires = (same_tapped_stages,)

    def __init__(self, config: FitNetsConfig, pair: BevPair) -> None:
        super().__init__()
        self.reads = (config.tap,)
        self._tap = config.tap
        widths = zip(*(tapped_widths(network, config.tap) for network in pair), strict=True)
        self.adapters = nn.ModuleList(
            nn.Sequential(*channel_adapter(mine, theirs, config.kernel), nn.ReLU())
            for mine, theirs in widths
        )

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch."""
        student, teacher = (tapped_maps(o, self._tap) for o in (outputs.student, outputs.teacher))
        errors = [
            F.mse_loss(resize_to(adapter(mine), theirs), theirs)
            for adapter, mine, theirs in zip(self.adapters, student, teacher, strict=True)
        ]
        return torch.stack(errors).sum()
