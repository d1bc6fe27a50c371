"""Replay a recording, or a folder of clouds, into the real node over DDS, and score its answers.

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

from pd_ros.detection.checkpoint import Checkpoint, load_checkpoint
from pd_ros.evaluation.lidar import format_table
from pd_ros.evaluation.operating.report import format_operating_point
from pd_ros.pointcloud.z_offset import AUTO, Z_OFFSET
from pd_ros.process.foreign_load import Load, LoadWatch
from pd_ros.process.memory import keep_freed_memory
from pd_ros.process.run_command import command_parser, run_command
from pd_ros.recordings.bag import open_recording
from pd_ros.recordings.cloud_options import add_z_offset
from pd_ros.recordings.label_names import (
    describe_unknown,
    names_of,
    refuse_all_unknown,
    unknown_names,
)
from pd_ros.recordings.record_files import record_files
from pd_ros.recordings.sources import FolderSource, RecordingSource, open_source
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
    open_animation,
    picture_lines,
    picture_title,
    report_json,
    write_report,
)
from pd_ros.replay.run import Replay, score, score_as_published
from pd_ros.replay.z_offset import measure_source
from pd_ros.ros.detector_node import DEFAULT_CHECKPOINT
from pd_ros.ros.execution.timers import spinning
from pd_ros.ros.fastdds import free_ports, use_shared_memory_profile
from pd_ros.ros.tools.live_player import LivePlayer
from pd_ros.ros.tools.node_process import node_process, wait_until
from pd_ros.runtime.diagnostics.cloud_inspection import ModelInput
from pd_ros.runtime.diagnostics.first_look import remarks_on

_START_S, _ANSWER_S = 60.0, 3.0
CLOUDS = "clouds.mcap"  # what a folder of clouds is played as
_EXAMPLE = """example:
  python -m pd_ros.live_replay --recording out/demo/drive.mcap --out out/demo/result
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    keep_freed_memory()
    return run_command("pd_ros.live_replay", lambda: _run(options))


def _run(options: argparse.Namespace) -> str:
    _check(options)
    checkpoint = load_checkpoint(options.model)
    classes, thresholds = checkpoint.config.classes, checkpoint.thresholds()
    source = _open(options)
    refuse_all_unknown(names_of(source.truth.values()), classes)
    make_folders(options.out, options.json)
    watch = LoadWatch()
    title = picture_title(LIVE, thresholds, classes)
    with open_animation(options.animation, title, checkpoint.config) as animation:
        run = _replay(options, source)
        load = watch.load()
        result = collect(run, source, checkpoint.config, thresholds, animation)
    write_files(options.out, run, result, checkpoint.config)
    scores = _write_report(options, run, result, source, classes, load)
    files = [f"boxes, report: {options.out}"]
    files += picture_lines(options.out / PICTURE, options.animation)
    remarks = _remarks(options, checkpoint, source, run, result)
    parts = [format_live(run, result), load.remark(), scores, "\n".join(remarks), "\n".join(files)]
    return "\n\n".join(filter(None, parts))


def _check(options: argparse.Namespace) -> None:
    """Raise ``ValueError`` for what cannot be, before a node starts."""
    if options.rate <= 0:
        raise ValueError(f"--rate: expected more than 0, got {options.rate}")
    if options.every < 1:
        raise ValueError(f"--every: expected at least 1, got {options.every}")
    if options.teacher is not None:
        load_checkpoint(options.teacher)


def _open(options: argparse.Namespace) -> RecordingSource:
    """Open the recording, or make one of a folder; ``ValueError`` for what cannot be played."""
    source = open_source(options.recording, options.topic, 1.0, None, with_truth=True)
    if isinstance(source, FolderSource):
        make_folders(options.out, options.json)
        return record_files(source, options.out / CLOUDS)
    with open_recording(source.path) as recording:
        recording.refuse_unplayable(source.topic)
    return source


def _write_report(
    options: argparse.Namespace,
    run: LiveRun,
    result: Replay,
    source: RecordingSource,
    classes: Sequence[str],
    load: Load,
) -> str:
    """Score what the node published and write it; returns the scores for the terminal."""
    scores = score(result, source, classes)
    published = score_as_published(result, classes)
    report = report_json(options.model, options.recording, result, scores, classes, published)
    report |= {"clouds": run.counts(), "node": run.node_counts, "load": load._asdict()}
    report["node_score_threshold"] = options.score_threshold  # it sent no others
    if options.teacher is not None:
        report["agreement"] = run.agreement
    report["node_listens_after_s"] = run.listens_after_s
    write_report(report, options.out, options.json)
    table = format_table(scores) if isinstance(scores, dict) else "no ground truth"
    return f"{table}\n\n{format_operating_point(published)}" if published else table


def _remarks(
    options: argparse.Namespace,
    checkpoint: Checkpoint,
    source: RecordingSource,
    run: LiveRun,
    result: Replay,
) -> list[str]:
    """Return what looks wrong with the clouds for the model, and with the names of labels."""
    model_input = ModelInput.of(checkpoint.config, checkpoint.training, checkpoint.where)
    name, offset_m, measured = options.model.stem, options.z_offset, list[str]()
    if offset_m is None:
        offset_m = measure_source(source, model_input.expected).settle()
        measured = [f"note: {Z_OFFSET} of the node: {run.node_counts.get(Z_OFFSET, 'not said')}"]
    remarks = measured + remarks_on(source, {name: model_input}, {name: offset_m})
    unknown = unknown_names(result.label_names, checkpoint.config.classes)
    return remarks + ([describe_unknown(unknown, checkpoint.config.classes)] if unknown else [])


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
        "-p", _offset_argument(options),
    ]  # fmt: skip
    with node_process(namespace, arguments, "pd_ros.comparison_node") as process:
        wait_until(player.is_compared, process, _START_S)
        yield


def _arguments(options: argparse.Namespace) -> list[str]:
    """Return what the node is started with."""
    threshold = "postprocess.score_threshold.default"
    return [
        "-p", f"model.checkpoint:={options.model}",
        "-p", f"model.device:={options.device}",
        "-p", f"{threshold}:={options.score_threshold}",
        "-p", _offset_argument(options),
    ]  # fmt: skip


def _offset_argument(options: argparse.Namespace) -> str:
    return f"{Z_OFFSET}:={AUTO if options.z_offset is None else options.z_offset}"


def _bar(count: int) -> "tqdm[NoReturn]":
    return tqdm(total=count, desc="live replay", unit="cloud")


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "pd_ros.live_replay",
        "Replay a recording into the real node over DDS, in real time, and score it.",
        _EXAMPLE,
    )
    add = parser.add_argument
    add(
        "--recording",
        type=Path,
        required=True,
        help="rosbag2 recording (folder, .mcap, .db3); or a folder of clouds, played at 10 Hz",
    )
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
    add_z_offset(parser)
    add("--teacher", type=Path, help="checkpoint; runs beside the node and is compared with it")
    add("--every", type=int, default=5, help="compare every so many clouds")
    add(
        "--animation", type=Path, metavar="FILE",
        help="draw the drive from above, a frame for each of the first 200 clouds (.webp)",
    )  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write the report here as well")
    return parser
