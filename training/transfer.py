"""Batches to the device."""

import torch

from pd_ros.detection.types import PillarBatch
from training.loader import Batch
from training.target_maker import AnyTargets


def move_batch(batch: Batch, device: torch.device) -> Batch:
    """A batch on a device, but for its labels; on the CPU nothing is copied."""
    return Batch(
        _move_pillars(batch.student, device),
        move_targets(batch.targets, device),
        None if batch.teacher is None else _move_pillars(batch.teacher, device),
        None if batch.teacher_targets is None else move_targets(batch.teacher_targets, device),
        batch.labels,
    )


def _move_pillars(pillars: PillarBatch, device: torch.device) -> PillarBatch:
    return pillars._replace(
        points=pillars.points.to(device),
        point_pillar=pillars.point_pillar.to(device),
        cells=pillars.cells.to(device),
        counts=pillars.counts.to(device),
        layers=pillars.layers.to(device),
    )


def move_targets(targets: AnyTargets, device: torch.device) -> AnyTargets:
    """All tensors of a batch's targets on a device."""
    return type(targets)(*(field.to(device) for field in targets))
