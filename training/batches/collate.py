"""Put augmented frames into batches, send these between processes, move them to the device.

A batch holds what a step gives to student and teacher, and what it expects of them.
"""

import io
import pickle
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
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
    teacher_points: Tensor | None = None  # [K, 3 + C] what a teacher sees, if it is not the same


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
        theirs_apart = any(sample.teacher_points is not None for sample in samples)
        if theirs_apart or not same_input(self._student, self._teacher):
            seen = [_seen_by_teacher(sample) for sample in samples]
            teacher = make_batch(seen, self._teacher, seeds)
        if not same_targets(self._student, self._teacher):
            theirs = self._teacher_targets(labels)
        return Batch(student, targets, teacher, theirs, labels, names)


def _seen_by_teacher(sample: Sample) -> Tensor:
    return sample.points if sample.teacher_points is None else sample.teacher_points


class Packing:
    """Makes batches that are bytes on their way and batches again where they arrive.

    PyTorch shares every tensor through a file and a socket of its own; with the thirty small
    tensors of a batch that takes longer than to copy them.
    """

    def __init__(self, collate: Callable[[Sequence[Sample]], Batch]) -> None:
        self._collate = collate

    def __call__(self, samples: Sequence[Sample]) -> "Packed":
        """The batch of all samples, on its way."""
        return Packed(pack(self._collate(samples)))


class Packed:
    """A packed batch that is the batch itself once it has been pickled and unpickled."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __reduce__(self) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
        return unpack, (self._content,)


def pack(batch: Batch) -> bytes:
    """A batch on the CPU as bytes."""
    packed = io.BytesIO()
    _Pickler(packed, protocol=pickle.HIGHEST_PROTOCOL).dump(batch)
    return packed.getvalue()


def unpack(content: bytes) -> Batch:
    """The batch that these bytes were; what was one object in it is one again."""
    batch = pickle.loads(content)
    assert isinstance(batch, Batch)
    return batch


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: object) -> Any:
        """Tensors as the arrays that they are on the CPU."""
        if isinstance(obj, Tensor):
            return torch.from_numpy, (obj.numpy(),)
        return NotImplemented


def move_batch(batch: Batch, device: torch.device) -> Batch:
    """A batch on a device, but for its labels; on the CPU nothing is copied, nowhere twice."""
    student, targets = _move_input(batch.student, device), move_targets(batch.targets, device)
    teacher, theirs = batch.teacher, batch.teacher_targets
    if teacher is not None:
        teacher = student if teacher is batch.student else _move_input(teacher, device)
    if theirs is not None:
        theirs = targets if theirs is batch.targets else move_targets(theirs, device)
    return Batch(student, targets, teacher, theirs, batch.labels, batch.names)


def _move_input(batch: AnyBatch, device: torch.device) -> AnyBatch:
    tensors: dict[str, Any] = {
        name: value.to(device)
        for name, value in batch._asdict().items()
        if isinstance(value, Tensor)
    }
    return batch._replace(**tensors)


def move_targets(targets: AnyTargets, device: torch.device) -> AnyTargets:
    """All tensors of a batch's targets on a device."""
    return type(targets)(*(field.to(device) for field in targets))
