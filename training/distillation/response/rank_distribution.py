"""Distribution of scores over the teacher's best positions (SparseKD's released code)."""

from torch import Tensor

from training.config.sparse import RankDistributionConfig
from training.distillation.maps import resize_to
from training.distillation.method import DistillBatch, DistillLoss
from training.distillation.requirements import two_center_heads
from training.objectives.center_loss import probabilities


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
