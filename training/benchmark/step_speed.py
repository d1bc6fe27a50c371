"""Training steps per second, the way of published code and ours, and whether the data keeps up.

python -m training.step_benchmark --model point_pillars cp_voxel_xs --data data/sim/train
"""

import argparse
import itertools
import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from tqdm import tqdm

from pd_ros.benchmark.hardware import describe_machine
from pd_ros.benchmark.inputs import find_model, load_network
from pd_ros.benchmark.reference import make_plain
from pd_ros.benchmark.timing import Ratio, ratio
from pd_ros.detection.config.base import parse_config
from pd_ros.process.foreign_load import LoadWatch
from pd_ros.process.run_command import command_parser, run_command
from training.batches.collate import Batch
from training.batches.loader import PREFETCHED
from training.config.run import TrainConfig
from training.distributed import World, join_world
from training.loop.run import Run
from training.train import start

_LOG = logging.getLogger("training.step_benchmark")
_WARM_UP = 2  # steps of each way
_WAYS = 3  # published, fp32, bf16
# Both are what simulated sweeps have; a network of others is measured as if it were of these.
_CLASSES, _FEATURES = ("car", "pedestrian", "cyclist"), ("intensity",)


@dataclass(frozen=True)
class StepTimes:
    """One network. Medians of a step, without waiting for its batch, and how they compare."""

    model: str
    batch_size: int
    steps: int  # of each way
    plain_ms: float
    fp32_ms: float
    bf16_ms: float
    fp32_faster: Ratio  # than the plain way
    bf16_faster: Ratio
    waiting_share: float  # of the time of bf16 steps that follow each other


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    return run_command("training.step_benchmark", lambda: _run(options), _LOG)


def _run(options: argparse.Namespace) -> None:
    if min(options.steps, options.batch_size) < 1:
        raise ValueError("--steps, --batch-size: expected at least 1; raise them")
    models = [find_model(name) for name in options.model]
    watch = LoadWatch()
    with join_world() as world:
        results = [measure_steps(model, options, world) for model in models]
    load = watch.load()
    sys.stdout.writelines(f"{line}\n" for line in filter(None, [_format(results), load.remark()]))
    if options.json:
        machine = {**describe_machine(), "load": load._asdict()}
        content = {"machine": machine, "results": [asdict(r) for r in results]}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def measure_steps(model: Path, options: argparse.Namespace, world: World) -> StepTimes:
    """Time steps of a fresh network in three ways in turn, on batches as they come.

    Raises ``ValueError`` for a network on raw points.
    """
    rounds, ahead = options.steps + _WARM_UP, PREFETCHED * options.workers
    frames = options.batch_size * (_WAYS * rounds + options.steps + ahead)
    with TemporaryDirectory() as folder, ExitStack() as closed:
        config = _config(model, options, frames, Path(folder))
        run, loader, _ = start(config, world)
        closed.enter_context(closing(run))
        plain = start(
            config.model_copy(update={"out": f"{folder}/plain", "workers": 0}), world
        ).run
        closed.enter_context(closing(plain))
        make_plain(plain.model, plain.model_config)
        batches = iter(loader)
        bar = tqdm(range(rounds), model.stem, leave=False)
        steps = [_round(run, plain, batches) for _ in bar][_WARM_UP:]
        waiting = _waiting(run, batches, ahead)
    published, fp32, bf16 = ([step[way] for step in steps] for way in range(_WAYS))
    return StepTimes(
        model.stem, options.batch_size, options.steps,
        median(published), median(fp32), median(bf16),
        ratio(published, fp32), ratio(published, bf16), waiting,
    )  # fmt: skip


def _round(run: Run, plain: Run, batches: Iterator[Batch]) -> list[float]:
    """A step each way, in milliseconds."""
    return [
        _step_ms(each, next(batches), half)
        for each, half in ((plain, False), (run, False), (run, True))
    ]


def _step_ms(run: Run, batch: Batch, half: bool) -> float:
    run.half = half
    run.network.train()
    began = time.perf_counter()
    run.step(batch, 0)  # reads its losses at the end: a GPU is waited for
    return 1000 * (time.perf_counter() - began)


def _waiting(run: Run, batches: Iterator[Batch], ahead: int) -> float:
    """Share of the time in which no batch is there, once those made ahead are used up."""
    waited = worked = 0.0
    for number in itertools.count():
        began = time.perf_counter()
        batch = next(batches, None)
        if batch is None:
            return waited / (waited + worked)
        came = time.perf_counter()
        took = _step_ms(run, batch, half=True) / 1000
        if number >= ahead:
            waited, worked = waited + came - began, worked + took
    raise AssertionError("batches come to an end")


def _config(model: Path, options: argparse.Namespace, steps: int, folder: Path) -> TrainConfig:
    network = load_network(model).config.model_copy(
        update={"classes": _CLASSES, "features": _FEATURES}
    )
    file = folder / "network.yaml"  # JSON is YAML, too
    file.write_text(network.model_dump_json(), encoding="utf-8")
    schedule = {"epochs": 1, "frames_per_epoch": steps * options.batch_size}
    schedule |= {"batch_size": options.batch_size, "learning_rate": 1e-4}
    content = {
        "model": str(file),
        "data": [{"path": options.data}],
        "schedule": schedule,
        "workers": options.workers,
        "out": str(folder / "run"),
    }
    return parse_config(content, TrainConfig, "step_benchmark")


def _format(results: list[StepTimes]) -> str:
    lines = [
        f"{torch.get_num_threads()} threads; steps per second, and how many times those of"
        " published code",
        f"{'network':24}{'batch':>6}{'plain':>8}{'fp32':>8}{'bf16':>8}"
        f"{'fp32 to plain':>24}{'bf16 to plain':>24}{'waiting':>10}",
    ]
    for each in results:
        rates = "".join(f"{1000 / ms:8.2f}" for ms in (each.plain_ms, each.fp32_ms, each.bf16_ms))
        spreads = "".join(
            f"{f'{middle:.2f} ({low:.2f} to {high:.2f})':>24}"
            for middle, low, high in (each.fp32_faster, each.bf16_faster)
        )
        lines.append(
            f"{each.model:24}{each.batch_size:6}{rates}{spreads}{100 * each.waiting_share:8.1f} %"
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "training.step_benchmark",
        "Training steps per second, as published code takes them and as ours, in fp32"
        " and bf16, in turn, and the share of the time in which ours wait for data.",
        "example: python -m training.step_benchmark --model point_pillars cp_voxel_xs"
        " --data data/sim/train --workers 1 --json steps.json",
    )
    add = parser.add_argument
    add(
        "--model", nargs="+", required=True, metavar="FILE-OR-NAME",
        help="networks of three classes that look from above, as pd_ros.benchmark takes them;"
        " weights are fresh",
    )  # fmt: skip
    add("--data", required=True, help="folder of .npz sweeps of cars, pedestrians and cyclists")
    add("--batch-size", type=int, default=2, help="sweeps of one step")
    add("--steps", type=int, default=10, help="timed steps of each way")
    add("--workers", type=int, default=1, help="processes that make batches; 0: none")
    add("--json", type=Path, help="also write the figures here")
    return parser
