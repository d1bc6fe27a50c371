"""Train a teacher or distil a student: one flat loop for both, on one or many devices.

python -m training.train --config config/train/sim_teacher.yaml
torchrun --nproc-per-node 2 -m training.train --config config/train/sim_teacher.yaml
"""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import nn
from torch.optim import AdamW
from torch.utils.data import DataLoader

from pd_ros.detection.checkpoint import Checkpoint, load_checkpoint
from pd_ros.detection.device import training_format
from pd_ros.detection.frozen_config import load_config
from pd_ros.detection.model import AnyModel, BevDetector, build_model
from pd_ros.detection.model_config import AnyModelConfig, load_model_config
from pd_ros.detection.part_config import CenterHeadConfig
from pd_ros.detection.point_config import PointRcnnConfig
from training.clouds import measure_clouds
from training.config import TrainConfig
from training.crop import crop_checkpoint, crop_grid, rebuild
from training.distributed import World, join_world
from training.loader import Batch, Collate, DrawSampler, Sample, TrainingFrames, make_loader
from training.run import Run
from training.schedule import make_scheduler

_LOG = logging.getLogger("training.train")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.train",
        description="Train a detector, or distil one when the config names a teacher.",
        epilog="example: python -m training.train --config config/train/sim_teacher.yaml",
    )
    parser.add_argument("--config", type=Path, required=True, help="YAML of the run")
    parser.add_argument("--json", type=Path, help="also write the last epoch's figures here")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        config = load_config(options.config, TrainConfig)
        with join_world() as world:
            figures = train(config, world)
    except ValueError as error:
        _LOG.error("%s", error)
        return 2
    except KeyboardInterrupt:
        _LOG.info("stopped and saved; the same command goes on")
        return 130
    if options.json and world.is_first:
        options.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    return 0


class Prepared(NamedTuple):
    """A run before its first step, and where its batches come from."""

    run: Run
    loader: "DataLoader[Sample]"
    sampler: DrawSampler


def train(config: TrainConfig, world: World) -> dict[str, object]:
    """Run to the end, or go on from where the run of the same ``out`` stopped.

    Writes ``state.pt``, ``log.jsonl``, TensorBoard events and ``model.safetensors`` into
    ``out``. Returns the last epoch's figures. Raises ``ValueError`` for bad configs or data.
    """
    run, loader, sampler = prepare(config, world)
    progress = run.resume()
    figures: dict[str, object] = {}
    with run.stop.listening():
        for epoch in range(progress.epoch, config.schedule.epochs):
            sampler.epoch, sampler.skip = epoch, progress.step
            progress.epoch = epoch
            figures = run.epoch(cast("list[Batch]", loader), progress, len(sampler))
            progress.step = 0
    return figures


def prepare(config: TrainConfig, world: World) -> Prepared:
    """Networks, data and optimiser of a run. Raises ``ValueError`` for bad configs or data."""
    torch.manual_seed(config.seed)
    model_config = load_model_config(Path(config.model))
    trained_on = crop_grid(model_config, config.area_m) if config.area_m else model_config
    model = rebuild(_start_model(config, model_config), trained_on).to(world.device)
    model.arrange(training_format(world.device))
    _set_norm_momentum(model, config.schedule.norm_momentum)
    if config.schedule.sync_norm and world.processes > 1:
        if world.device.type != "cuda":
            raise ValueError("schedule.sync_norm: needs GPUs; leave it out on a CPU")
        synced = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        model = cast("AnyModel", synced)
    teacher = _load_teacher(config, model_config, world.device)
    frames = TrainingFrames(config, model_config.classes, model_config.features)
    sampler = DrawSampler(frames.sizes, config, world.rank, world.processes, frames.weights)
    optimizer = AdamW(
        model.parameters(),
        lr=config.schedule.learning_rate,
        weight_decay=config.schedule.weight_decay,
        betas=config.schedule.betas,
    )
    scheduler = make_scheduler(optimizer, config.schedule, len(sampler))
    run = Run(config, model_config, model, teacher, optimizer, scheduler, world)
    run.clouds = measure_clouds(frames, config, model_config) if world.is_first else None
    collate = Collate(trained_on, teacher.config if teacher else None, config.loss.box_radius)
    return Prepared(run, make_loader(frames, sampler, collate, config.workers), sampler)


def _start_model(config: TrainConfig, model_config: AnyModelConfig) -> AnyModel:
    """Fresh weights, or those of the checkpoint to start from."""
    if config.initialise_from is None:
        return build_model(model_config)
    start = load_checkpoint(Path(config.initialise_from))
    if start.config != model_config:
        raise ValueError(
            f"initialise_from: {config.initialise_from} holds the network {start.config.name!r}"
            f" with another config than {config.model}; give a checkpoint of the same network"
        )
    return start.model


def _set_norm_momentum(model: nn.Module, momentum: float) -> None:
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = momentum


def _load_teacher(
    config: TrainConfig, student: AnyModelConfig, device: torch.device
) -> Checkpoint | None:
    if config.distill is None:
        return None
    teacher = load_checkpoint(Path(config.distill.teacher))
    for network in (teacher.config, student):
        if isinstance(network, PointRcnnConfig):
            raise ValueError(
                f"distill: networks on raw points, like {network.name}, cannot be distilled yet;"
                " train it without, or choose networks that look from above"
            )
        if not isinstance(network.head, CenterHeadConfig):
            raise ValueError(f"distill: expected heads that find centres, {network.name} has none")
    if teacher.config.classes != student.classes:
        raise ValueError(
            f"distill.teacher: knows the classes {list(teacher.config.classes)}, the student"
            f" {list(student.classes)}; they must be equal"
        )
    if config.area_m:
        teacher = crop_checkpoint(teacher, config.area_m)
    assert isinstance(teacher.model, BevDetector)
    teacher.model.to(device).requires_grad_(False)
    teacher.model.arrange(torch.channels_last)
    return teacher


if __name__ == "__main__":
    sys.exit(main())
