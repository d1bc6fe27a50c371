"""Batches to the device."""

import torch

from pd_ros.detection.types import AnyBatch, PointBatch
from training.batches.collate import Batch
from training.objectives.target_assigner import AnyTargets


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
    points, counts = batch.points.to(device), batch.counts.to(device)
    if isinstance(batch, PointBatch):
        return batch._replace(points=points, counts=counts)
    return batch._replace(
        points=points,
        point_pillar=batch.point_pillar.to(device),
        cells=batch.cells.to(device),
        counts=counts,
        layers=batch.layers.to(device),
    )


def move_targets(targets: AnyTargets, device: torch.device) -> AnyTargets:
    """All tensors of a batch's targets on a device."""
    return type(targets)(*(field.to(device) for field in targets))
