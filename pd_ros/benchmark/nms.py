"""Rotated suppression as published code does it on a CPU, and ours, in turn on the same boxes.

python -m pd_ros.benchmark.nms --boxes 4096 --threshold 0.7
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from pd_ros.benchmark.hardware import describe_machine
from pd_ros.benchmark.proposals import draw_proposals
from pd_ros.benchmark.reference import plain_nms
from pd_ros.benchmark.timing import Ratio, percentiles, ratio
from pd_ros.detection.boxes import nms
from pd_ros.detection.device import choose_device
from pd_ros.process.foreign_load import LoadWatch
from pd_ros.process.memory import keep_freed_memory
from pd_ros.process.run_command import command_parser, run_command

_EXAMPLE = """example:
  python -m pd_ros.benchmark.nms --boxes 4096 --threshold 0.01 0.2 0.5 0.7 --json nms.json

Plain is the matrix of the exact overlaps of all boxes whose circles meet, and a loop over its
rows. The exit code is 1 where the two do not keep the same boxes.
"""
_WARM_UP = 1


@dataclass(frozen=True)
class NmsComparison:
    """One number of boxes with one threshold."""

    boxes: int
    threshold: float
    kept: int
    same: bool  # whether both keep the same
    wall_ms: dict[str, list[float]]  # by way, one for each round
    processor_ms: dict[str, list[float]]
    times_faster: Ratio  # plain to ours, by the wall's clock


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    return run_command("pd_ros.benchmark.nms", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    _check(options)
    device = choose_device(options.device)
    keep_freed_memory()
    torch.set_num_threads(options.threads)
    watch = LoadWatch()
    results = [
        compare_nms(boxes, threshold, options, device)
        for boxes in options.boxes
        for threshold in options.threshold
    ]
    load = watch.load()
    lines = filter(None, [format_comparisons(results), load.remark()])
    sys.stdout.writelines(f"{line}\n" for line in lines)
    if options.json:
        machine = {**describe_machine(), "load": load._asdict()}
        content = {"machine": machine, "results": [asdict(r) for r in results]}
        options.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 0 if all(result.same for result in results) else 1


def compare_nms(
    count: int, threshold: float, options: argparse.Namespace, device: torch.device
) -> NmsComparison:
    """Time both ways, in an order that is drawn anew in every round."""
    drawn = draw_proposals(count, max(count // options.crowd, 1), options.astray, options.seed)
    order = drawn.scores.argsort(descending=True, stable=True)
    boxes, scores = drawn.boxes[order].to(device), drawn.scores[order].to(device)
    ways: dict[str, Callable[[], Tensor]] = {
        "plain": lambda: plain_nms(boxes, threshold, count),
        "ours": lambda: nms(boxes, scores, threshold),
    }
    kept = {name: way().tolist() for name, way in ways.items()}
    wall: dict[str, list[float]] = {name: [] for name in ways}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    turns = random.Random(0)
    for number in tqdm(range(options.rounds + _WARM_UP), desc=f"{threshold}", leave=False):
        for name in turns.sample(list(ways), len(ways)):
            began_s, began_cpu_s = time.perf_counter(), time.process_time()
            ways[name]().cpu()
            if number >= _WARM_UP:
                processor[name].append(1000 * (time.process_time() - began_cpu_s))
                wall[name].append(1000 * (time.perf_counter() - began_s))
    return NmsComparison(
        count, threshold, len(kept["ours"]), kept["ours"] == kept["plain"], wall, processor,
        ratio(wall["plain"], wall["ours"]),
    )  # fmt: skip


def format_comparisons(results: Sequence[NmsComparison]) -> str:
    """Return a line for each, under a heading."""
    lines = ["boxes  threshold  kept  same | plain ms (CPU's) | ours p50, p95 ms (CPU's) | faster"]
    for result in results:
        plain, ours = (percentiles(result.wall_ms[name]) for name in ("plain", "ours"))
        cpu = {name: percentiles(times)["p50"] for name, times in result.processor_ms.items()}
        faster = result.times_faster
        lines.append(
            f"{result.boxes:5} {result.threshold:10} {result.kept:5} {result.same!s:>5} |"
            f" {plain['p50']:8.1f} ({cpu['plain']:.1f}) |"
            f" {ours['p50']:8.1f} {ours['p95']:8.1f} ({cpu['ours']:.1f}) |"
            f" {faster.median:.0f} times ({faster.low:.0f} to {faster.high:.0f})"
        )
    return "\n".join(lines)


def _check(options: argparse.Namespace) -> None:
    if min(*options.boxes, options.rounds, options.threads, options.crowd) < 1:
        raise ValueError(
            "--boxes, --rounds, --threads, --crowd: expected at least 1, got"
            f" {options.boxes}, {options.rounds}, {options.threads}, {options.crowd}; raise them"
        )
    if not all(0 <= value <= 1 for value in (*options.threshold, options.astray)):
        raise ValueError(
            "--threshold, --astray: expected 0 to 1, got"
            f" {options.threshold}, {options.astray}; correct them"
        )


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "pd_ros.benchmark.nms",
        "Time rotated non-maximum suppression on made-up proposals of a detector.",
        _EXAMPLE,
    )
    add = parser.add_argument
    add("--boxes", type=int, nargs="+", default=[4096], help="how many go in")
    add("--threshold", type=float, nargs="+", default=[0.01, 0.2, 0.5, 0.7], help="of the IoU")
    add("--crowd", type=int, default=100, help="boxes for every object")
    add("--astray", type=float, default=0.25, help="share of boxes that are about no object")
    add("--seed", type=int, default=0, help="of the boxes that are drawn")
    add("--rounds", type=int, default=20, help="how often each way is timed")
    add("--threads", type=int, default=1, help="of the CPU")
    add("--device", default="cpu", help="cpu or cuda:N")
    add("--json", type=Path, metavar="FILE", help="write all times here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
