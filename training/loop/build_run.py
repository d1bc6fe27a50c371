"""Build the parts of a run before its first step: networks with their weights, and data."""

from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import nn

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.device import training_format
from pd_ros.detection.families import AnyModel, AnyModelConfig, build_model, load_model_config
from training.batches.collate import Collate
from training.batches.loader import TrainingFrames
from training.batches.norm import set_momentum
from training.batches.sampler import DrawSampler
from training.config.area import crop_grid, rebuild
from training.config.run import TrainConfig
from training.distillation.checks import check_distillation
from training.distillation.distiller import Distiller, make_distiller
from training.distillation.feature.overhaul import keep_linear_stages
from training.distillation.initialise.channels import CopiedLayer
from training.distillation.initialise.start import start_from_teacher
from training.distributed import World
from training.evaluate.record import entries_of_start
from training.objectives.families import objective_of


class RunParts(NamedTuple):
    """The networks and the data of a run."""

    network: AnyModelConfig
    trained_on: AnyModelConfig  # the same on the area that is trained on
    model: AnyModel
    copied: list[CopiedLayer]  # layers that started from a part of a teacher
    distiller: Distiller | None
    frames: TrainingFrames
    sampler: DrawSampler
    collate: Collate
    origin: dict[str, object]  # how the checkpoint to start from was trained; empty without one
    kept: dict[str, object]  # what the run's checkpoint takes over from that one's record


def build_run(config: TrainConfig, world: World) -> RunParts:
    """Check, build and load; writes nothing. ``ValueError`` for bad configs, weights or data."""
    torch.manual_seed(config.seed)
    network = load_model_config(Path(config.model))
    objective_of(network).check(config, network)
    trained_on = crop_grid(network, config.area_m) if config.area_m else network
    pair = check_distillation(config, trained_on)
    start, before = _start_model(config, network)
    frames = TrainingFrames(config, network.classes, network.features)
    sampler = DrawSampler(frames.sizes, config, world.rank, world.processes, frames.weights)
    model = _to_device(rebuild(start, trained_on), config, world)
    drawn = ([frames[draw] for draw in draws] for draws in sampler)
    copied = start_from_teacher(model, trained_on, config, drawn)
    distiller = make_distiller(config, pair.student, world) if pair else None
    taught_on = distiller.teacher.config if distiller else None
    collate = Collate(trained_on, taught_on, config.loss.box_radius)
    origin = {key: before[key] for key in _LINEAGE if key in before}
    inherits = config.thresholds == "start"
    kept = entries_of_start(before, str(config.initialise_from)) if inherits else {}
    return RunParts(
        network, trained_on, model, copied, distiller, frames, sampler, collate, origin, kept
    )


def _to_device(model: AnyModel, config: TrainConfig, world: World) -> AnyModel:
    model = model.to(world.device)
    if config.distill is not None and config.distill.overhaul is not None:
        keep_linear_stages(model)
    model.arrange(training_format(world.device))
    set_momentum(model, config.schedule.norm_momentum)
    if config.schedule.sync_norm and world.processes > 1:
        if world.device.type != "cuda":
            raise ValueError("schedule.sync_norm: needs GPUs; leave it out on a CPU")
        synced = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        model = cast("AnyModel", synced)
    return model


# What a checkpoint says of its training that goes into the next one's record.
_LINEAGE = ("run", "epoch", "started_from")


def _start_model(
    config: TrainConfig, model_config: AnyModelConfig
) -> tuple[AnyModel, dict[str, object]]:
    """Fresh weights, or those of the checkpoint to start from, see :func:`_same_layers`.

    With that checkpoint's record, empty for fresh weights.
    """
    if config.initialise_from is None:
        return build_model(model_config), {}
    start = load_checkpoint(Path(config.initialise_from))
    if not _same_layers(start.config, model_config):
        raise ValueError(
            f"initialise_from: {config.initialise_from} holds the network {start.config.name!r}"
            f" with other layers, classes or range than {config.model}; give a checkpoint of the"
            " same network, at most with pillars of another size or number"
        )
    model = build_model(model_config)
    model.load_state_dict(start.model.state_dict())
    return model, start.training


def _same_layers(start: AnyModelConfig, wanted: AnyModelConfig) -> bool:
    """Whether the weights fit, whatever the pillars' size, and how many are held."""
    same: dict[str, object] = {"name": wanted.name, "decode": wanted.decode}
    if isinstance(start, ModelConfig) and isinstance(wanted, ModelConfig):
        same["capacity"] = wanted.capacity
        size = {"pillar_size_m": wanted.grid.pillar_size_m}
        same["grid"] = start.grid.model_copy(update=size)
    return start.model_copy(update=same) == wanted
