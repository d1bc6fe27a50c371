"""Similarity-preserving distillation (Tung and Mori 2019)."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from training.config.compared import SimilarityConfig
from training.distillation.maps import tapped_maps
from training.distillation.method import DistillBatch, DistillLoss
from training.distillation.requirements import BevUse, same_tapped_stages


def _several_scenes(use: BevUse) -> Iterator[str]:
    if use.run.schedule.batch_size < 2:
        yield (
            "similarity: compares the scenes of a batch, and schedule.batch_size is 1; raise it to"
            " 2 or more"
        )


class Similarity(DistillLoss):
    """How alike the scenes of a batch are to both networks; summed over maps."""

    requires = (same_tapped_stages, _several_scenes)

    def __init__(self, config: SimilarityConfig) -> None:
        super().__init__()
        self.reads = (config.tap,)
        self._tap = config.tap

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch; 0 of a single scene."""
        maps = (tapped_maps(o, self._tap) for o in (outputs.student, outputs.teacher))
        losses = [similarity_loss(*pair) for pair in zip(*maps, strict=True)]
        return torch.stack(losses).sum()


def similarity_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of the two ``[B, B]`` matrices of ``[B, ...]`` maps."""
    return F.mse_loss(_similarity(student), _similarity(teacher))


def _similarity(feature_map: Tensor) -> Tensor:
    """Products of all pairs of samples, each row of length 1."""
    flat = feature_map.flatten(1)
    return F.normalize(flat @ flat.T, dim=1)
