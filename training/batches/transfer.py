"""Batches to the device."""

from typing import Any

import torch
from torch import Tensor

from pd_ros.detection.types import AnyBatch
from training.batches.collate import Batch
from training.objectives.families import AnyTargets


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
