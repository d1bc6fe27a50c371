"""Replay a recording into the real node over DDS, in real time, and score what it publishes.

python -m pd_ros.live_replay --recording out/demo/drive.mcap --out out/demo/result
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import rclpy
from tqdm import tqdm

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.operating_point import class_thresholds, read_operating_point
from pd_ros.evaluation.lidar import format_table
from pd_ros.evaluation.operating_report import format_operating_point
from pd_ros.process.command_options import command_parser
from pd_ros.process.foreign_load import LoadWatch
from pd_ros.process.memory import keep_freed_memory
from pd_ros.process.run_command import run_command
from pd_ros.recordings.bag import open_recording
from pd_ros.recordings.label_names import (
    describe_unknown,
    names_of,
    refuse_all_unknown,
    unknown_names,
)
from pd_ros.recordings.sources import RecordingSource, open_source
from pd_ros.replay.animate import open_animation
from pd_ros.replay.live_result import (
    LIVE,
    PICTURE,
    LiveRun,
    collect,
    format_live,
    write_files,
)
from pd_ros.replay.report import (
    make_folders,
    picture_lines,
    picture_title,
    report_json,
    write_report,
)
from pd_ros.replay.run import score, score_as_published
from pd_ros.ros.detector_node import DEFAULT_CHECKPOINT
from pd_ros.ros.execution.timers import spinning
from pd_ros.ros.fastdds import free_ports, use_shared_memory_profile
from pd_ros.ros.tools.live_player import LivePlayer
from pd_ros.ros.tools.node_process import node_process, wait_until
from pd_ros.runtime.diagnostics.cloud_inspection import ModelInput
from pd_ros.runtime.diagnostics.first_look import remarks_on

_START_S, _ANSWER_S = 60.0, 3.0
_EXAMPLE = """example:
  python -m pd_ros.live_replay --recording out/demo/drive.mcap --out out/demo/result
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    keep_freed_memory()
    return run_command("pd_ros.live_replay", lambda: _run(options))


def _run(options: argparse.Namespace) -> str:
    if options.rate <= 0:
        raise ValueError(f"--rate: expected more than 0, got {options.rate}")
    if options.every < 1:
        raise ValueError(f"--every: expected at least 1, got {options.every}")
    if options.teacher is not None:
        load_checkpoint(options.teacher)  # a bad one is said before a node starts
    checkpoint = load_checkpoint(options.model)
    config = checkpoint.config
    source = open_source(options.recording, options.topic, 1.0, None, with_truth=True)
    if not isinstance(source, RecordingSource):
        raise ValueError(f"{options.recording}: expected a recording, got a folder of clouds")
    with open_recording(source.path) as recording:
        recording.refuse_unplayable(source.topic)  # said before a node starts, too
    refuse_all_unknown(names_of(source.truth.values()), config.classes)
    make_folders(options.out, options.json)
    watch = LoadWatch()
    point = read_operating_point(checkpoint.training, checkpoint.where)
    thresholds = class_thresholds(point, config.classes)
    title = picture_title(LIVE, thresholds, config.classes)
    with open_animation(options.animation, title, config) as animation:
        run = _replay(options, source)
        load = watch.load()
        result = collect(run, source, config, thresholds, animation)
    scores = score(result, source, config.classes)
    published = score_as_published(result, config.classes)
    write_files(options.out, run, result, config)
    report = report_json(
        options.model, options.recording, result, scores, config.classes, published
    )
    report |= {"clouds": run.counts(), "node": run.node_counts, "load": load._asdict()}
    report["node_score_threshold"] = options.score_threshold  # it sent no others
    if options.teacher is not None:
        report["agreement"] = run.agreement
    report["node_listens_after_s"] = run.listens_after_s
    write_report(report, options.out, options.json)
    table = format_table(scores) if isinstance(scores, dict) else "no ground truth"
    if published:
        table += f"\n\n{format_operating_point(published)}"
    model_input = ModelInput.of(config, checkpoint.training, checkpoint.where)
    remarks = remarks_on(source, {options.model.stem: model_input})
    unknown = unknown_names(result.label_names, config.classes)
    remarks += [describe_unknown(unknown, config.classes)] if unknown else []
    parts = [
        format_live(run, result),
        load.remark(),
        table,
        "\n".join(remarks),
        "\n".join(
            [
                f"boxes, report: {options.out}",
                *picture_lines(options.out / PICTURE, options.animation),
            ]
        ),
    ]
    return "\n\n".join(filter(None, parts))


def _replay(options: argparse.Namespace, source: RecordingSource) -> LiveRun:
    """Play all clouds to a node of its own process; returns what it answered."""
    use_shared_memory_profile()
    free_ports("live_replay")
    namespace = f"/live_replay_{os.getpid()}"
    rclpy.init(args=[])
    try:
        player = LivePlayer(namespace)
        began_s = time.monotonic()
        with spinning(player), node_process(namespace, _arguments(options)) as process:
            wait_until(player.is_heard, process, _START_S)
            player.run.listens_after_s = time.monotonic() - began_s
            with _teacher(player, namespace, options):
                _play(player, options, source)
        return player.run
    finally:
        rclpy.try_shutdown()


def _play(player: LivePlayer, options: argparse.Namespace, source: RecordingSource) -> None:
    with open_recording(source.path) as recording, _bar(source.count) as bar:
        player.play(recording.raw_messages(source.topic), options.rate, bar.update)
    player.wait_for_answers(_ANSWER_S)
    time.sleep(1.1)  # one more of the nodes' diagnostics, with all counts


@contextmanager
def _teacher(player: LivePlayer, namespace: str, options: argparse.Namespace) -> Iterator[None]:
    """The comparison beside the node, if a teacher is named."""
    if options.teacher is None:
        yield
        return
    arguments = [
        "-p", f"teacher.checkpoint:={options.teacher}",
        "-p", f"every:={options.every}",
    ]  # fmt: skip
    with node_process(namespace, arguments, "pd_ros.comparison_node") as process:
        wait_until(player.is_compared, process, _START_S)
        yield


def _arguments(options: argparse.Namespace) -> list[str]:
    """What the node is started with."""
    threshold = "postprocess.score_threshold.default"
    return [
        "-p", f"model.checkpoint:={options.model}",
        "-p", f"model.device:={options.device}",
        "-p", f"{threshold}:={options.score_threshold}",
    ]  # fmt: skip


def _bar(count: int) -> "tqdm[NoReturn]":
    return tqdm(total=count, desc="live replay", unit="cloud")


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "pd_ros.live_replay",
        "Replay a recording into the real node over DDS, in real time, and score it.",
        _EXAMPLE,
    )
    add = parser.add_argument
    add("--recording", type=Path, required=True, help="rosbag2 recording (folder, .mcap, .db3)")
    add("--out", type=Path, required=True, help="folder for boxes, report and picture")
    add(
        "--model",
        type=Path,
        default=DEFAULT_CHECKPOINT,
        help="checkpoint; default: the shipped student",
    )
    add("--topic", help="of the clouds; default: the only PointCloud2 topic")
    add("--rate", type=float, default=1.0, help="times the recorded pace")
    add("--device", default="auto", help="auto, cpu or cuda:N")
    add("--score-threshold", type=float, default=0.1, help="least score the node publishes")
    add("--teacher", type=Path, help="checkpoint; runs beside the node and is compared with it")
    add("--every", type=int, default=5, help="compare every so many clouds")
    add(
        "--animation", type=Path, metavar="FILE",
        help="draw the drive from above, a frame for each of the first 200 clouds (.webp)",
    )  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write the report here as well")
    return parser
