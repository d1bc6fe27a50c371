"""Training steps per second of a machine, in fp32 and bf16, and whether the data keeps up.

python -m training.step_benchmark --model point_pillars cp_voxel_xs --data data/sim/train
"""

import argparse
import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from tqdm import tqdm

from pd_ros.benchmark.hardware import describe_machine
from pd_ros.benchmark.interleave import ratio
from pd_ros.benchmark.networks import find_model, load_network
from pd_ros.detection.frozen_config import parse_config
from training.collate import Batch
from training.config import TrainConfig
from training.distributed import World, join_world
from training.run import Run
from training.train import start

_LOG = logging.getLogger("training.step_benchmark")
_WARM_UP = 2  # steps of each precision
# Both are what simulated sweeps have; a network of others is measured as if it were of these.
_CLASSES, _FEATURES = ("car", "pedestrian", "cyclist"), ("intensity",)


@dataclass(frozen=True)
class StepTimes:
    """One network."""

    model: str
    batch_size: int
    steps: int  # of each precision
    fp32_ms: float  # medians of a step, without waiting for its batch
    bf16_ms: float
    times_faster: tuple[float, float, float]  # fp32 to bf16: median, and 95 % of resampled ones
    waiting_share: float  # of all the time

    @property
    def steps_per_s(self) -> tuple[float, float]:
        """In fp32, in bf16."""
        return 1000 / self.fp32_ms, 1000 / self.bf16_ms


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if min(options.steps, options.batch_size) < 1:
            raise ValueError("--steps, --batch-size: expected at least 1; raise them")
        models = [find_model(name) for name in options.model]
        with join_world() as world:
            results = [measure_steps(model, options, world) for model in models]
    except ValueError as error:
        _LOG.error("%s", error)
        return 2
    sys.stdout.write(_format(results) + "\n")
    if options.json:
        content = {"machine": describe_machine(), "results": [asdict(r) for r in results]}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 0


def measure_steps(model: Path, options: argparse.Namespace, world: World) -> StepTimes:
    """Time steps of a fresh network, in the two precisions in turn, on batches as they come."""
    rounds = options.steps + _WARM_UP
    with TemporaryDirectory() as folder:
        run, loader, _ = start(_config(model, options, 2 * rounds, Path(folder)), world)
        with closing(run):
            steps = list(_timed(run, iter(loader), tqdm(range(rounds), model.stem, leave=False)))
    fp32, bf16 = ([step.worked_ms for step in steps[i::2]][_WARM_UP:] for i in range(2))
    waited = sum(step.waited_ms for step in steps[2 * _WARM_UP :])
    return StepTimes(
        model.stem, options.batch_size, options.steps, median(fp32), median(bf16),
        ratio(fp32, bf16), waited / (waited + sum(fp32) + sum(bf16)),
    )  # fmt: skip


class _Step(NamedTuple):
    waited_ms: float
    worked_ms: float


def _timed(run: Run, batches: Iterator[Batch], rounds: Iterable[int]) -> Iterator[_Step]:
    """Two steps a round: in fp32, in bf16."""
    run.network.train()
    for _ in rounds:
        for half in (False, True):
            began = time.perf_counter()
            batch = next(batches)
            came = time.perf_counter()
            run.half = half
            run.step(batch, 0)  # reads its losses at the end: a GPU is waited for
            yield _Step(1000 * (came - began), 1000 * (time.perf_counter() - came))


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
        f"{torch.get_num_threads()} threads",
        f"{'network':24}{'batch':>6}{'fp32 steps/s':>14}{'bf16 steps/s':>14}"
        f"{'times faster':>26}{'waiting':>9}",
    ]
    for result in results:
        fp32, bf16 = result.steps_per_s
        middle, low, high = result.times_faster
        spread = f"{middle:.2f} ({low:.2f} to {high:.2f})"
        lines.append(
            f"{result.model:24}{result.batch_size:6}{fp32:14.2f}{bf16:14.2f}{spread:>26}"
            f"{100 * result.waiting_share:7.1f} %"
        )
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.step_benchmark",
        description="Training steps per second in fp32 and bf16, in turn, and the share of the"
        " time in which they wait for data.",
        epilog="example: python -m training.step_benchmark --model point_pillars cp_voxel_xs"
        " --data data/sim/train --workers 1 --json steps.json",
    )
    add = parser.add_argument
    add(
        "--model", nargs="+", required=True, metavar="FILE-OR-NAME",
        help="networks of three classes, as pd_ros.benchmark takes them; weights are fresh",
    )  # fmt: skip
    add("--data", required=True, help="folder of .npz sweeps of cars, pedestrians and cyclists")
    add("--batch-size", type=int, default=2, help="sweeps of one step")
    add("--steps", type=int, default=10, help="timed steps of each precision")
    add("--workers", type=int, default=1, help="processes that make batches; 0: none")
    add("--json", type=Path, help="also write the figures here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
