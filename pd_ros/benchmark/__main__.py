"""Measure how fast detectors are, by stage, beside published code in the same run.

python -m pd_ros.benchmark --model real_student real_teacher --points recording --json speed.json
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from pd_ros.benchmark.figures import draw_benchmark
from pd_ros.benchmark.hardware import describe_machine
from pd_ros.benchmark.inputs import find_model, load_network, read_messages, real_sweeps
from pd_ros.benchmark.report import format_benchmark, write_json
from pd_ros.benchmark.run import MeasureBudget, benchmark_model
from pd_ros.detection.device import choose_device
from pd_ros.detection.inference.backends import BACKENDS
from pd_ros.pointcloud.bin_columns import parse_columns
from pd_ros.process.foreign_load import LoadWatch
from pd_ros.process.memory import keep_freed_memory
from pd_ros.process.run_command import command_parser, run_command
from pd_ros.recordings.cloud_options import add_columns
from pd_ros.recordings.sources import open_source
from pd_ros.runtime.diagnostics.cloud_inspection import ModelInput
from pd_ros.runtime.diagnostics.first_look import remarks_on

_EXAMPLE = """example:
  python -m pd_ros.benchmark --model real_student real_teacher point_pillars \\
      --points $PD_ROS_DATA/kitti_raw_0005 --threads 1 2 --json speed.json --picture speed.png
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    return run_command("pd_ros.benchmark", lambda: _run(options))


def _model_input(path: Path) -> ModelInput:
    network = load_network(path)
    return ModelInput.of(network.config, network.training, network.where)


def _run(options: argparse.Namespace) -> str:
    effort = MeasureBudget(
        options.rounds, options.seconds, tuple(options.threads), options.precision,
        options.backend, options.busy_threads, options.keep_memory == "on",
    )  # fmt: skip
    effort.check()
    models = [find_model(name) for name in options.model]
    # What is wrong with the last should not come up after all the others.
    model_inputs = {path.stem: _model_input(path) for path in models}
    devices = [choose_device(name) for name in options.device or _devices()]
    points = options.points or real_sweeps()
    columns = parse_columns(options.columns)
    source = None if points is None else open_source(
        points, options.topic, options.intensity_scale, None, with_truth=False, columns=columns
    )  # fmt: skip
    clouds = read_messages(source, options.clouds)
    if effort.keep_memory:
        keep_freed_memory()
    machine, watch = describe_machine(), LoadWatch()
    results = [
        result for path in models for result in benchmark_model(path, clouds, devices, effort)
    ]
    load = watch.load()
    machine["load"] = load._asdict()
    machine["keep_memory"] = effort.keep_memory
    named = "made-up streets" if points is None else str(points)
    if options.json:
        write_json(options.json, machine, named, clouds, results)
    if options.picture:
        draw_benchmark(options.picture, results, str(machine["cpu"]))
    text = format_benchmark(machine, named, clouds, results)
    remarks = "\n".join(remarks_on(source, model_inputs)) if source else ""
    return "\n\n".join(filter(None, [text, remarks, load.remark()]))


def _devices() -> list[str]:
    return ["cpu", "cuda:0"] if torch.cuda.is_available() else ["cpu"]


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "pd_ros.benchmark",
        "Latency by stage from a cloud's bytes to the bytes of the answer, on the"
        " plain path (as published code runs it: eager fp32) and on pd_ros' own, in turn.",
        _EXAMPLE,
    )
    add = parser.add_argument
    add(
        "--model", nargs="+", required=True, metavar="FILE-OR-NAME",
        help="checkpoints (.safetensors), YAMLs of networks (then with fresh weights, which find"
        " nothing), or names of either among those that come with pd_ros",
    )  # fmt: skip
    add(
        "--points", type=Path,
        help="recording or folder of clouds; default: $PD_ROS_DATA/kitti_raw_0005/velodyne, or"
        " made-up streets where it is not there",
    )  # fmt: skip
    add("--topic", help="of the clouds in a recording; default: the only PointCloud2 topic")
    add("--intensity-scale", type=float, default=1.0, help="as in pd_ros.replay")
    add_columns(parser)
    add("--clouds", type=int, default=5, help="how many clouds are taken, at least 1")
    add("--rounds", type=int, default=20, help="how often each is timed, at least 1")
    add("--seconds", type=float, default=120.0, help="begin no more rounds of one setting after")
    add("--threads", type=int, nargs="+", default=[1, 2], help="of the CPU; one setting for each")
    add(
        "--busy-threads", type=int, default=0, metavar="N",
        help="measure points to boxes on a CPU once more, alone and beside N foreign busy threads"
        " on the same cores, in turn",
    )  # fmt: skip
    add("--device", nargs="+", help="cpu, cuda:N; default: the CPU, and a GPU where there is one")
    add("--precision", default="auto", help="of the fast path: auto, fp32, bf16 or fp16")
    add("--backend", default="torch", choices=BACKENDS, help="of the fast path")
    add(
        "--keep-memory", default="on", choices=("on", "off"),
        help="on: freed memory stays with the process, of both paths, as in the node; off: the"
        " allocator gives it back and takes it anew for each cloud, as published code has it",
    )  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write everything that was measured here")
    add("--picture", type=Path, metavar="FILE", help="draw it here, as .png, .svg or .pdf")
    return parser


if __name__ == "__main__":
    sys.exit(main())
