"""Augmented frames to batches: what a step gives to student and teacher, and what it expects."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from pd_ros.detection.families import AnyModelConfig, make_batch
from pd_ros.detection.types import AnyBatch
from training.datasets.frame import Labels
from training.objectives.families import (
    AnyTargets,
    make_target_assigner,
    same_input,
    same_targets,
)


class Sample(NamedTuple):
    """An augmented frame, ready to be put into a batch."""

    points: Tensor  # [N, 3 + C]
    labels: Labels
    seed: int  # of what a network draws from its points
    name: str = ""  # of the sweep, as its reader calls it


class Batch(NamedTuple):
    """What one training step needs; the teacher's part only where there is one.

    Input and targets of a teacher that divides space as its student does are the student's own.
    """

    student: AnyBatch
    targets: AnyTargets
    teacher: AnyBatch | None
    teacher_targets: AnyTargets | None
    labels: tuple[Labels, ...] = ()  # what the targets were made of
    names: tuple[str, ...] = ()  # of the sweeps


class Collate:
    """Samples to a batch, for the student and, where there is one, the teacher."""

    def __init__(
        self, student: AnyModelConfig, teacher: AnyModelConfig | None, box_radius: int = 0
    ) -> None:
        self._student = student
        self._teacher = teacher
        self._student_targets = make_target_assigner(student, box_radius)
        self._teacher_targets = make_target_assigner(teacher, box_radius) if teacher else None

    def __call__(self, samples: Sequence[Sample]) -> Batch:
        """Inputs and targets of all samples."""
        points = [sample.points for sample in samples]
        labels = tuple(sample.labels for sample in samples)
        names = tuple(sample.name for sample in samples)
        seeds = [sample.seed for sample in samples]
        student = make_batch(points, self._student, seeds)
        targets = self._student_targets(labels)
        if self._teacher is None or self._teacher_targets is None:
            return Batch(student, targets, None, None, labels, names)
        teacher, theirs = student, targets
        if not same_input(self._student, self._teacher):
            teacher = make_batch(points, self._teacher, seeds)
        if not same_targets(self._student, self._teacher):
            theirs = self._teacher_targets(labels)
        return Batch(student, targets, teacher, theirs, labels, names)
