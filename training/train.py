"""Train a teacher or distil a student: one flat loop for both, on one or many devices.

python -m training.train --config config/train/sim_teacher.yaml
torchrun --nproc-per-node 2 -m training.train --config config/train/sim_teacher.yaml
"""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.config import ModelConfig, load_config
from pd_ros.detection.device import training_format
from pd_ros.detection.model import BevDetector, build_model
from training.config import TrainConfig
from training.crop import crop_grid, rebuild
from training.distillation.checks import check_distillation
from training.distillation.tutor import make_tutor, start_from_teacher
from training.distributed import World, join_world
from training.loader import Batch, Collate, DrawSampler, TrainingFrames, make_loader
from training.run import Run, learnt_parameters

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


def train(config: TrainConfig, world: World) -> dict[str, object]:
    """Run to the end, or go on from where the run of the same ``out`` stopped.

    Writes ``state.pt``, ``log.jsonl``, TensorBoard events and ``model.safetensors`` into
    ``out``. Returns the last epoch's figures. Raises ``ValueError`` for bad configs or data.
    """
    torch.manual_seed(config.seed)
    model_config = load_config(Path(config.model), ModelConfig)
    check_distillation(config, model_config)
    trained_on = crop_grid(model_config, config.area_m) if config.area_m else model_config
    model = rebuild(_start_model(config, model_config), trained_on)
    start_from_teacher(model, config.distill)
    model = model.to(world.device)
    model.keeps_linear = config.distill is not None and config.distill.overhaul is not None
    model.arrange(training_format(world.device))
    _set_norm_momentum(model, config.schedule.norm_momentum)
    if config.schedule.sync_norm and world.processes > 1:
        if world.device.type != "cuda":
            raise ValueError("schedule.sync_norm: needs GPUs; leave it out on a CPU")
        synced = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        model = cast("BevDetector", synced)
    tutor = make_tutor(config, trained_on, world)
    frames = TrainingFrames(config, model_config.classes, model_config.features)
    sampler = DrawSampler(frames.sizes, config, world.rank, world.processes, frames.weights)
    optimizer = AdamW(
        learnt_parameters(model, tutor),
        lr=config.schedule.learning_rate,
        weight_decay=config.schedule.weight_decay,
        betas=(0.95, 0.99),
    )
    scheduler = _one_cycle(optimizer, config, len(sampler))
    run = Run(config, model_config, model, tutor, optimizer, scheduler, world)
    progress = run.resume()
    taught_on = tutor.teacher.config if tutor else None
    collate = Collate(trained_on, taught_on, config.loss.box_radius)
    loader = make_loader(frames, sampler, collate, config.workers)
    figures: dict[str, object] = {}
    with run.stop.listening():
        for epoch in range(progress.epoch, config.schedule.epochs):
            sampler.epoch, sampler.skip = epoch, progress.step
            progress.epoch = epoch
            figures = run.epoch(cast("list[Batch]", loader), progress, len(sampler))
            progress.step = 0
    return figures


def _start_model(config: TrainConfig, model_config: ModelConfig) -> BevDetector:
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


def _one_cycle(optimizer: AdamW, config: TrainConfig, steps_per_epoch: int) -> OneCycleLR:
    if steps_per_epoch == 0:
        raise ValueError(
            "schedule.frames_per_epoch: too few for one batch in every process; raise it or lower"
            " schedule.batch_size"
        )
    return OneCycleLR(
        optimizer,
        max_lr=config.schedule.learning_rate,
        total_steps=config.schedule.epochs * steps_per_epoch,
        pct_start=config.schedule.warm_up,
        div_factor=10.0,
        final_div_factor=1e4,
        base_momentum=0.85,
        max_momentum=0.95,
    )


if __name__ == "__main__":
    sys.exit(main())
