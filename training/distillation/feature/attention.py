"""Attention transfer (Zagoruyko and Komodakis 2017)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from training.config.compared import AttentionConfig
from training.distillation.maps import tapped_maps
from training.distillation.method import DistillBatch, DistillLoss
from training.distillation.requirements import same_tapped_stages


class Attention(DistillLoss):
    """Where a network is active, whatever its channels; summed over maps."""

    requires = (same_tapped_stages,)

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        self.config = config
        self.reads = (config.tap,)

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch; of maps of different sizes the larger is averaged down."""
        maps = (tapped_maps(o, self.config.tap) for o in (outputs.student, outputs.teacher))
        losses = []
        for student, teacher in zip(*maps, strict=True):
            rows, columns = (
                min(b) for b in zip(student.shape[2:], teacher.shape[2:], strict=True)
            )
            small = (F.adaptive_avg_pool2d(each, (rows, columns)) for each in (student, teacher))
            mine, theirs = (attention_map(each, self.config.power) for each in small)
            losses.append(F.mse_loss(mine, theirs))
        return torch.stack(losses).sum()


def attention_map(feature_map: Tensor, power: float) -> Tensor:
    """Mean over channels of ``|F|^power``, of length 1 for each sample: ``[B, H * W]``."""
    return F.normalize(feature_map.abs().pow(power).mean(dim=1).flatten(1), dim=1)
