"""Compute the loss of one training step, term by term."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pd_ros.detection.device import has_bf16
from pd_ros.detection.families import AnyModelConfig
from pd_ros.detection.types import AnyOutput
from training.batches.collate import Batch
from training.config.run import TrainConfig
from training.objectives.families import objective_of

if TYPE_CHECKING:  # a plain step does without the readers that distillation needs
    from training.distillation.distiller import Distiller

_PREFIX = "distill_"


def step_losses(
    network: nn.Module,
    distiller: "Distiller | None",
    batch: Batch,
    config: TrainConfig,
    shape: AnyModelConfig,
    epoch: int,
    half: bool,
) -> dict[str, Tensor]:
    """Loss of a batch on its device: ``total``, which is weighted, then terms before weights.

    Terms of distillation are called ``distill_METHOD``. ``shape``: the network's config;
    ``epoch``: from 0; ``half``: whether the networks run in bfloat16.
    """
    half_where = partial(
        torch.autocast, batch.student.points.device.type, torch.bfloat16, enabled=half
    )
    with half_where():
        taught = distiller.ask(batch) if distiller else None
    if distiller is not None and taught is not None:  # before proposals are chosen by the targets
        batch = distiller.relabel(batch, taught)
    with half_where():
        output: AnyOutput = network(*network_input(batch, config, shape))
    named, total = objective_of(shape).loss(output, batch.targets, config, shape)
    terms = dict(named)
    if distiller is not None and taught is not None:
        progress = epoch / config.schedule.epochs
        distilled, weighted = distiller.terms(output, taught, batch, epoch, progress)
        total = total + weighted
        terms |= {f"{_PREFIX}{name}": term for name, term in distilled.items()}
    return {"total": total, **terms}


def in_half(config: TrainConfig, device: torch.device) -> bool:
    """Whether the networks of a run are to run in bfloat16."""
    return config.precision == "bf16" or (config.precision == "auto" and has_bf16(device))


def shares(
    losses: Mapping[str, float], config: TrainConfig, shape: AnyModelConfig
) -> dict[str, float]:
    """Return the share of each term in the total, with its weight; ``total`` is not among them."""
    detection = objective_of(shape).weights(config)
    methods = config.distill.methods if config.distill else {}
    parts = {}
    for name in losses.keys() - {"total"}:
        method = methods.get(name.removeprefix(_PREFIX))
        weight = method.weight if method else getattr(detection, name)
        parts[name] = round(weight * losses[name] / (losses["total"] or 1.0), 4)
    return dict(sorted(parts.items()))


def network_input(batch: Batch, config: TrainConfig, shape: AnyModelConfig) -> tuple[object, ...]:
    """The student's arguments; a network on points is told which proposals to learn from."""
    return objective_of(shape).arguments(batch.student, batch.targets, config)
