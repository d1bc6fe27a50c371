"""Logit KD without positions (Hinton et al. 2015), of heatmaps or of anchors' classes."""

from collections.abc import Iterator

from torch import Tensor
from torch.nn import functional as F

from training.config.compared import HintonConfig
from training.distillation.maps import resize_to
from training.distillation.method import DistillBatch, DistillLoss
from training.distillation.requirements import BevUse, most_levels, same_anchors
from training.objectives.center_loss import probabilities


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
