"""Train a teacher or distil a student: one flat loop for both, on one or many devices.

python -m training.train --config config/train/sim_teacher.yaml
torchrun --nproc-per-node 2 -m training.train --config config/train/sim_teacher.yaml
"""

import argparse
import json
import logging
import sys
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, cast

from torch.optim import AdamW
from torch.utils.data import DataLoader

from pd_ros.detection.config.base import load_config
from pd_ros.process.run_command import command_parser, run_command
from training.batches.cache import batch_kind
from training.batches.collate import Batch
from training.batches.loader import make_loader
from training.batches.sampler import DrawSampler
from training.config.run import TrainConfig
from training.distributed import World, join_world
from training.loop.build_run import RunParts, build_run
from training.loop.clouds import measure_clouds, odd_intensities
from training.loop.dry_run import dry_run
from training.loop.run import MODEL, Run, learnt_parameters
from training.loop.schedule import make_scheduler
from training.loop.state import Progress

_LOG = logging.getLogger("training.train")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = command_parser(
        "training.train",
        "Train a detector, or distil one when the config names a teacher.",
        "example: python -m training.train --config config/train/sim_teacher.yaml",
    )
    parser.add_argument("--config", type=Path, required=True, help="YAML of the run")
    parser.add_argument("--json", type=Path, help="also write the last epoch's figures here")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="only show what will be trained, compared and initialised, and the memory it takes",
    )
    parser.add_argument(
        "--keep-batches",
        type=Path,
        metavar="DIR",
        help="keep the batches here, and take from here what another run has kept; for runs over"
        " the same seed and data while nothing changes these",
    )
    options = parser.parse_args(arguments)
    return run_command("training.train", lambda: _run(options), _LOG)


def _run(options: argparse.Namespace) -> None:
    try:
        config = load_config(options.config, TrainConfig)
        with join_world() as world:
            kept = options.keep_batches
            figures = dry_run(config, world) if options.dry_run else train(config, world, kept)
    except KeyboardInterrupt:
        if not options.dry_run:  # which saves nothing
            _LOG.info("stopped; the same command goes on from what is saved")
        raise
    if not options.dry_run and world.is_first:
        _LOG.info("checkpoint: %s", Path(config.out) / MODEL)
    if options.json and world.is_first:
        options.json.write_text(json.dumps(figures, indent=2), encoding="utf-8")


class Started(NamedTuple):
    """A run before its first step, and where its batches come from."""

    run: Run
    loader: "DataLoader[Any]"
    sampler: DrawSampler


def train(config: TrainConfig, world: World, kept: Path | None = None) -> dict[str, object]:
    """Run to the end, or go on from where the run of the same ``out`` stopped.

    Writes ``state.pt``, ``log.jsonl``, TensorBoard events and ``model.safetensors`` into
    ``out``. ``kept``: folder of batches that runs share (``StoredBatches``). Returns the last
    epoch's figures. Raises ``ValueError`` for bad configs or data.
    """
    run, loader, sampler = start(config, world, kept)
    figures: dict[str, object] = {}
    with closing(run), run.stop.listening():
        progress = run.resume()
        for epoch in range(progress.epoch, config.schedule.epochs):
            sampler.epoch, sampler.skip = epoch, progress.step
            figures = run.epoch(cast("list[Batch]", loader), progress, len(sampler))
            progress = Progress(epoch + 1)
    return figures


def start(config: TrainConfig, world: World, kept: Path | None = None) -> Started:
    """A run before its first step. Raises ``ValueError`` for bad configs or data."""
    parts = build_run(config, world)
    model, distiller, sampler = parts.model, parts.distiller, parts.sampler
    optimizer = AdamW(
        learnt_parameters(model, distiller),
        lr=config.schedule.learning_rate,
        weight_decay=config.schedule.weight_decay,
        betas=config.schedule.betas,
        fused=True,
    )
    scheduler = make_scheduler(optimizer, config.schedule, len(sampler))
    clouds = None
    if world.is_first:
        for line in odd_intensities(config, parts.network):
            _LOG.warning("%s", line)
        clouds = measure_clouds(parts.frames, config, parts.network)
    run = Run(
        config, parts.network, model, distiller, optimizer, scheduler, world,
        parts.origin, parts.kept, clouds,
    )  # fmt: skip
    folder = _batches(kept, config, parts)
    loader = make_loader(parts.frames, sampler, parts.collate, config.workers, folder)
    return Started(run, loader, sampler)


def _batches(kept: Path | None, config: TrainConfig, parts: RunParts) -> Path | None:
    """Where the batches of a run are kept, if they are."""
    if kept is None:
        return None
    teacher = parts.distiller.teacher.config if parts.distiller else None
    return kept / batch_kind(config, parts.trained_on, teacher)


if __name__ == "__main__":
    sys.exit(main())
