"""Run the teacher on each batch, and compute the losses of distillation."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pd_ros.detection.families import AnyModelConfig
from pd_ros.detection.types import AnyOutput
from training.batches.collate import Batch
from training.batches.norm import norms
from training.config.area import area_of
from training.config.distillation import DistillConfig
from training.config.run import TrainConfig
from training.distillation.feature.overhaul import keep_linear_stages
from training.distillation.labels.calibration import calibrate
from training.distillation.labels.label_assignment import TeacherAssignment
from training.distillation.labels.pseudo_labels import UnlabelledBoxes
from training.distillation.labels.teacher_labels import TeacherLabels
from training.distillation.method import BevPair, ConfigPair, make_distill_batch, pair_of
from training.distillation.methods import Distillation, build_losses
from training.distillation.teacher import Teacher, load_teacher
from training.distributed import World

# From a batch and what the teacher says to the batch with the targets that the student learns.
Relabel = Callable[[Batch, AnyOutput], Batch]


class Distiller:
    """The teacher, which never changes, and the terms of the methods with their adapters."""

    def __init__(
        self,
        teacher: Teacher,
        distillation: Distillation,
        relabel: Sequence[Relabel],
        world: World,
    ) -> None:
        self.teacher = teacher
        self.distillation = distillation
        self._relabel = relabel
        self._network: nn.Module = distillation
        if world.processes > 1 and any(True for _ in distillation.parameters()):
            # A batch without objects leaves some adapters unused.
            self._network = DistributedDataParallel(distillation, find_unused_parameters=True)

    @torch.no_grad()
    def ask(self, batch: Batch) -> AnyOutput:
        """Run the teacher on the same clouds."""
        assert batch.teacher is not None
        output: AnyOutput = self.teacher.model(batch.teacher)
        return output

    def relabel(self, batch: Batch, taught: AnyOutput) -> Batch:
        """The batch with the targets that the teacher's boxes give, where they are labels."""
        for each in self._relabel:
            batch = each(batch, taught)
        return batch

    def terms(
        self, output: AnyOutput, taught: AnyOutput, batch: Batch, epoch: int, progress: float
    ) -> tuple[dict[str, Tensor], Tensor]:
        """Terms before their weights, and their weighted sum."""
        outputs = make_distill_batch(output, taught, batch, epoch)
        terms: dict[str, Tensor] = {} if outputs is None else self._network(outputs, progress)
        return terms, self.distillation.total(terms)


def make_distiller(config: TrainConfig, student: AnyModelConfig, world: World) -> Distiller | None:
    """The distiller of a run; none if no teacher is asked in its steps.

    ``student``: its config as it is trained; the teacher looks at the same area. Raises
    ``ValueError`` for a checkpoint that cannot be read.
    """
    if config.distill is None or not config.distill.teaches:
        return None
    teacher = load_teacher(Path(config.distill.teacher), area_of(student))
    freeze(teacher, config.distill, world.device)
    pair = ConfigPair(student, teacher.config)
    terms = build_losses(config.distill, pair, teacher.model)
    distillation = Distillation(terms, config.distill.methods).to(world.device)
    return Distiller(teacher, distillation, list(_relabels(config, teacher, pair, world)), world)


def _relabels(
    config: TrainConfig, teacher: Teacher, pair: ConfigPair, world: World
) -> Iterator[Relabel]:
    """Return what changes the labels of a batch, in its order."""
    assert config.distill is not None
    methods, radius = config.distill, config.loss.box_radius
    if methods.unlabelled is not None:
        calibration = calibrate(teacher, config, methods.unlabelled, world.device)
        yield UnlabelledBoxes(methods.unlabelled, pair, calibration, radius)
    if methods.labels is not None:
        yield TeacherLabels(methods.labels, pair, radius)
    if methods.assignment is not None:
        yield TeacherAssignment(methods.assignment, cast("BevPair", pair_of(pair)), radius)


def freeze(teacher: Teacher, config: DistillConfig, device: torch.device) -> None:
    """Bring a teacher to a device, where it will not learn."""
    teacher.model.to(device).requires_grad_(False)
    teacher.model.arrange(torch.channels_last)
    if config.overhaul is not None:
        keep_linear_stages(teacher.model)
    for norm in norms(teacher.model):
        norm.train(config.teacher_norm == "batch")
