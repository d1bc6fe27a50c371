"""Contrastive representation distillation (CRD, Tian et al. 2020) of objects."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.config.compared import ContrastConfig
from training.distillation.maps import pool_boxes, tapped_widths
from training.distillation.method import BevPair, DistillBatch, DistillLoss


class Contrast(DistillLoss):
    """An object looks to the student as to the teacher, and unlike other objects to it.

    The neck's features at the centres of the true boxes are embedded on both sides and compared
    with the other side's memory; the memories are part of the run's state.
    """

    reads = ("neck",)

    def __init__(self, config: ContrastConfig, pair: BevPair) -> None:
        super().__init__()
        self._pair = pair
        self._temperature = config.temperature
        widths = (tapped_widths(network, "neck")[0] for network in pair)
        self.student, self.teacher = (nn.Linear(width, config.width) for width in widths)
        for side in ("student", "teacher"):
            start = F.normalize(torch.randn(config.memory, config.width), dim=1)
            self.register_buffer(f"{side}_memory", start)
            self.register_buffer(f"{side}_norm", torch.zeros(()))
        self.register_buffer("next", torch.zeros((), dtype=torch.int64))

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch, after which it is in the memory; 0 without objects."""
        boxes = [labels.boxes for labels in outputs.batch.labels]
        student = pool_boxes(outputs.student.neck.float(), boxes, self._pair.student, 1).flatten(1)
        teacher = pool_boxes(outputs.teacher.neck.float(), boxes, self._pair.teacher, 1).flatten(1)
        if not len(student):
            return 0.0 * outputs.student.neck.float().mean()
        mine = F.normalize(self.student(student), dim=1)
        theirs = F.normalize(self.teacher(teacher), dim=1)
        loss = self._side(mine, theirs.detach(), "teacher")
        loss = loss + self._side(theirs, mine.detach(), "student")
        if self.training:
            self._remember(mine.detach(), theirs.detach())
        return loss

    def _side(self, anchor: Tensor, positive: Tensor, memory_of: str) -> Tensor:
        memory = self.get_buffer(f"{memory_of}_memory").clone()  # it changes before the gradient
        norm = self.get_buffer(f"{memory_of}_norm")
        right = ((anchor * positive).sum(dim=1) / self._temperature).exp()
        wrong = (anchor @ memory.T / self._temperature).exp()
        if not norm:  # of the first batch, for good
            norm.copy_(torch.cat((right[:, None], wrong), dim=1).detach().mean() * len(memory))
        return contrast_loss(right / norm, wrong / norm, len(memory))

    def _remember(self, student: Tensor, teacher: Tensor) -> None:
        """Write the newest objects over the oldest."""
        start, size = self.get_buffer("next"), len(self.get_buffer("student_memory"))
        place = (start + torch.arange(min(len(student), size), device=start.device)) % size
        self.get_buffer("student_memory")[place] = student[: len(place)]
        self.get_buffer("teacher_memory")[place] = teacher[: len(place)]
        start.copy_((start + len(place)) % size)


def contrast_loss(right: Tensor, wrong: Tensor, count: int) -> Tensor:
    """Noise-contrastive loss of scores ``[B]`` of the right and ``[B, K]`` of wrong partners.

    ``count``: how many partners there are to draw from.
    """
    chance = wrong.shape[1] / count
    found = torch.log(right / (right + chance))
    refused = torch.log(chance / (wrong + chance)).sum(dim=1)
    return -(found + refused).mean()
