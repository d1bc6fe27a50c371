"""What a method of distillation sees, and what it has to offer."""

from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar, cast

from torch import Tensor, nn

from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.point_rcnn import PointRcnnConfig
from pd_ros.detection.families import AnyModelConfig
from pd_ros.detection.types import AnyOutput, ModelOutput, PointRcnnOutput
from training.batches.collate import Batch

OutputT = TypeVar("OutputT", ModelOutput, PointRcnnOutput)


class ConfigPair(NamedTuple):
    """Configs of two networks that see the same clouds."""

    student: AnyModelConfig
    teacher: AnyModelConfig


class BevPair(NamedTuple):
    """Two that look from above."""

    student: ModelConfig
    teacher: ModelConfig


class PointPair(NamedTuple):
    """Two that take raw points."""

    student: PointRcnnConfig
    teacher: PointRcnnConfig


@dataclass(frozen=True)
class DistillBatchOf(Generic[OutputT]):
    """One batch as both networks see it; what the teacher says has no gradient."""

    student: OutputT
    teacher: OutputT
    batch: Batch
    epoch: int = 0  # from 0

    def with_constant_teacher(self) -> "DistillBatchOf[OutputT]":
        """The same, with what the teacher says as constants."""
        return replace(self, teacher=cast("OutputT", _constant(self.teacher)))


DistillBatch = DistillBatchOf[ModelOutput]
PointDistillBatch = DistillBatchOf[PointRcnnOutput]
DistillBatchT = TypeVar("DistillBatchT", DistillBatch, PointDistillBatch)


class DistillLossOf(nn.Module, Generic[DistillBatchT]):
    """A method of distillation: ``forward(outputs)`` is its loss, a scalar before its weight.

    Its parameters are adapters: they learn with the student and end with the run. ``reads`` names
    the fields of the networks' output that it compares.
    """

    reads: tuple[str, ...] = ()

    def forward(self, outputs: DistillBatchT) -> Tensor:
        """Loss of a batch; 0 where there is nothing to compare."""
        raise NotImplementedError


DistillLoss = DistillLossOf[DistillBatch]
PointDistillLoss = DistillLossOf[PointDistillBatch]


def pair_of(pair: ConfigPair) -> BevPair | PointPair | None:
    """The same two as networks of one kind, or None where they are not."""
    student, teacher = pair
    if isinstance(student, ModelConfig) and isinstance(teacher, ModelConfig):
        return BevPair(student, teacher)
    if isinstance(student, PointRcnnConfig) and isinstance(teacher, PointRcnnConfig):
        return PointPair(student, teacher)
    return None


def make_distill_batch(
    student: AnyOutput, teacher: AnyOutput, batch: Batch, epoch: int
) -> DistillBatch | PointDistillBatch | None:
    """What terms can compare: nothing where the networks are of two kinds."""
    if isinstance(student, ModelOutput) and isinstance(teacher, ModelOutput):
        return DistillBatch(student, teacher, batch, epoch)
    if isinstance(student, PointRcnnOutput) and isinstance(teacher, PointRcnnOutput):
        return PointDistillBatch(student, teacher, batch, epoch)
    return None


def _constant(value: object) -> object:
    if isinstance(value, Tensor):
        return value.detach()
    if not isinstance(value, tuple):
        return value
    parts = [_constant(part) for part in value]
    return tuple(parts) if type(value) is tuple else type(value)._make(parts)  # type: ignore[attr-defined]
