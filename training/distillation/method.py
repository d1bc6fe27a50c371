"""Types of a distillation method: what it sees, what it requires, and its loss."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, cast

from torch import Tensor, nn

from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.point_rcnn import PointRcnnConfig
from pd_ros.detection.families import AnyModelConfig
from pd_ros.detection.types import AnyOutput, ModelOutput, PointRcnnOutput
from training.batches.collate import Batch
from training.config.run import TrainConfig

OutputT = TypeVar("OutputT", ModelOutput, PointRcnnOutput)


class ConfigPair(NamedTuple):
    """Configs of two networks that see the same clouds."""

    student: AnyModelConfig
    teacher: AnyModelConfig


class BevPair(NamedTuple):
    """Two BEV detectors."""

    student: ModelConfig
    teacher: ModelConfig


class PointPair(NamedTuple):
    """Two detectors on raw points."""

    student: PointRcnnConfig
    teacher: PointRcnnConfig


ConfigT = TypeVar("ConfigT")
PairT = TypeVar("PairT")


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
    the fields of the networks' output that it compares, ``requires`` what it needs of a run.
    """

    reads: tuple[str, ...] = ()
    requires: ClassVar[tuple["Requirement", ...]] = ()

    def forward(self, outputs: DistillBatchT) -> Tensor:
        """Loss of a batch; 0 where there is nothing to compare."""
        raise NotImplementedError


DistillLoss = DistillLossOf[DistillBatch]
PointDistillLoss = DistillLossOf[PointDistillBatch]
AnyDistillLoss = DistillLoss | PointDistillLoss


# Networks of one kind, whose outputs can be compared.
_PAIRS: dict[tuple[type, type], type[BevPair] | type[PointPair]] = {
    (ModelConfig, ModelConfig): BevPair,
    (PointRcnnConfig, PointRcnnConfig): PointPair,
}


def pair_of(pair: ConfigPair) -> BevPair | PointPair | ConfigPair:
    """The same two as networks of one kind, or as they are where they are not."""
    kind: Any = _PAIRS.get((type(pair.student), type(pair.teacher)), ConfigPair)
    same: BevPair | PointPair | ConfigPair = kind(*pair)
    return same


def make_distill_batch(
    student: AnyOutput, teacher: AnyOutput, batch: Batch, epoch: int
) -> DistillBatch | PointDistillBatch | None:
    """Return what losses can compare: nothing where the networks are of two kinds."""
    if type(student) is not type(teacher):
        return None
    return cast("DistillBatch", DistillBatchOf(cast("Any", student), teacher, batch, epoch))


class MethodUse(NamedTuple, Generic[ConfigT, PairT]):
    """A method as a run wants to use it."""

    name: str  # of the method
    config: ConfigT  # its own
    pair: PairT
    run: TrainConfig


# Yields one line for each reason why a method cannot work as a run wants to use it.
Requirement = Callable[[Any], Iterator[str]]


class Method(NamedTuple):
    """What the table of methods says of one."""

    requires: tuple[Requirement, ...]
    # From its config, the pair and the teacher's network; None: it has no term in the loss.
    loss: Callable[[Any, Any, Any], "AnyDistillLoss"] | None = None


def _constant(value: object) -> object:
    if isinstance(value, Tensor):
        return value.detach()
    if not isinstance(value, tuple):
        return value
    parts = [_constant(part) for part in value]
    return tuple(parts) if type(value) is tuple else type(value)._make(parts)  # type: ignore[attr-defined]
