"""Estimate the memory that a step of training takes."""

import torch
from torch import Tensor

from training.batches.collate import Batch
from training.config.run import TrainConfig
from training.loop.build_run import RunParts
from training.loop.run import learnt_parameters
from training.loop.step_loss import in_half, step_losses


def estimate_memory(
    parts: RunParts, batch: Batch, config: TrainConfig
) -> tuple[dict[str, Tensor], dict[str, int]]:
    """Loss of a batch, and the bytes that its step takes, by what for.

    What is kept for the backward pass is counted as torch keeps it; buffers of the libraries
    beneath are not. Statistics of batch norm move by one step.
    """
    kept: dict[int, int] = {}
    learnt = learnt_parameters(parts.model, parts.distiller)
    weights = {parameter.untyped_storage().data_ptr() for parameter in learnt}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        half = in_half(config, batch.student.points.device)
        losses = step_losses(
            parts.model, parts.distiller, batch, config, parts.trained_on, 0, half
        )
    size = sum(parameter.numel() * parameter.element_size() for parameter in learnt)
    memory = {
        "weights": size,
        "gradients and the optimiser's moments": 3 * size,
        "kept for the backward pass": sum(kept.values()),
    }
    if parts.distiller is not None:
        teacher = parts.distiller.teacher.model.parameters()
        memory["teacher"] = sum(each.numel() * each.element_size() for each in teacher)
    return losses, {**memory, "together, at least": sum(memory.values())}
