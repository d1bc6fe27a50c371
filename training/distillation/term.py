"""What a method of distillation sees, and what it has to offer."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor, nn

from pd_ros.detection.config import ModelConfig
from pd_ros.detection.types import ModelOutput
from training.loader import Batch


class Pair(NamedTuple):
    """Configs of two networks that see the same clouds."""

    student: ModelConfig
    teacher: ModelConfig


@dataclass(frozen=True)
class Lesson:
    """One batch as both networks see it; the teacher's maps have no gradient."""

    student: ModelOutput
    teacher: ModelOutput
    batch: Batch
    epoch: int = 0  # from 0


class Term(nn.Module):
    """A method of distillation: ``forward(lesson)`` is its loss, a scalar before its weight.

    Its parameters are adapters: they learn with the student and end with the run. ``reads`` names
    the fields of ``ModelOutput`` that it compares.
    """

    reads: tuple[str, ...] = ()

    def forward(self, lesson: Lesson) -> Tensor:
        """Loss of a batch; 0 where there is nothing to compare."""
        raise NotImplementedError
