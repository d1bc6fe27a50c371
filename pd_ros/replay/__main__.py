"""Run a detector over recorded clouds, and say how well and how fast.

python -m pd_ros.replay --model student.safetensors --points recording --out result
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pd_ros.detection.predictor import Predictor
from pd_ros.evaluation.plots.overview import save_birdseye
from pd_ros.pointcloud.bin_columns import parse_columns
from pd_ros.process.foreign_load import Load, LoadWatch
from pd_ros.process.memory import keep_freed_memory
from pd_ros.process.run_command import command_parser, run_command
from pd_ros.recordings.cloud_options import add_columns, add_ego_distance, add_z_offset
from pd_ros.recordings.label_names import names_of, refuse_all_unknown
from pd_ros.recordings.sources import Source, open_source, with_features
from pd_ros.replay.kitti_results import calibration_of, write_kitti_results
from pd_ros.replay.report import (
    format_report,
    make_folders,
    open_animation,
    picture_lines,
    picture_title,
    report_json,
    write_detections_json,
    write_report,
)
from pd_ros.replay.run import Replay, replay, score, score_as_published
from pd_ros.replay.z_offset import RaisedDetector, measure_source
from pd_ros.runtime.diagnostics.cloud_inspection import ModelInput
from pd_ros.runtime.diagnostics.first_look import remarks_on

_PICTURE = "birdseye.png"
_EXAMPLE = """example:
  python -m pd_ros.replay --model student.safetensors --points drive_0005 --out result --picture
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    keep_freed_memory()
    return run_command("pd_ros.replay", lambda: _run(options))


def _run(options: argparse.Namespace) -> str:
    if options.score_threshold is not None and not 0 <= options.score_threshold <= 1:
        raise ValueError(f"--score-threshold: expected 0 to 1, got {options.score_threshold}")
    source = _open(options)
    predictor = Predictor.for_clouds(options.model, options.device)
    classes = predictor.config.classes
    # A damaged record is said before the work.
    model_input = ModelInput.of(predictor.config, predictor.training, predictor.where)
    source = with_features(source, predictor.config.features)
    refuse_all_unknown(names_of((source.truth or {}).values()), classes)
    calibration = calibration_of(source) if options.kitti_results else None
    make_folders(options.out, options.json)
    offset_m, said = options.z_offset, list[str]()
    if offset_m is None:
        auto = measure_source(source, model_input.expected)
        offset_m, said = auto.settle(), [f"note: --z-offset: {auto.text}"]
    predictor.warm_up()
    watch = LoadWatch()
    thresholds = _thresholds(options, predictor)
    title = picture_title(options.points, thresholds, classes)
    with open_animation(options.animation, title, predictor.config) as animation:
        result = replay(
            RaisedDetector(predictor, offset_m),
            source,
            predictor.config,
            thresholds,
            options.ego_distance,
            animation,
        )
    load = watch.load()
    summary = _write_results(options, result, source, classes, load)
    if calibration is not None:
        write_kitti_results(options.kitti_results, result.detections, classes, calibration)
    if options.picture:
        save_birdseye(options.out / _PICTURE, [*result.busiest, *result.panels], title)
    name = options.model.stem
    remarks = said + remarks_on(source, {name: model_input}, {name: offset_m})
    return "\n".join(filter(None, [summary, *remarks, load.remark(), *_picture_lines(options)]))


def _open(options: argparse.Namespace) -> Source:
    """Open the clouds, with their labels unless they are not wanted."""
    return open_source(
        options.points, options.topic, options.intensity_scale, options.labels,
        with_truth=not options.no_labels, columns=parse_columns(options.columns),
    )  # fmt: skip


def _write_results(
    options: argparse.Namespace,
    result: Replay,
    source: Source,
    classes: Sequence[str],
    load: Load,
) -> str:
    """Write detections and report; returns the report for the terminal."""
    write_detections_json(options.out / "detections.json", result, classes)
    scores = score(result, source, classes)
    published = score_as_published(result, classes)
    report = report_json(options.model, options.points, result, scores, classes, published)
    write_report({**report, "load": load._asdict()}, options.out, options.json)
    return format_report(result, scores, classes, published)


def _picture_lines(options: argparse.Namespace) -> list[str]:
    picture = options.out / _PICTURE if options.picture else None
    return picture_lines(picture, options.animation)


def _thresholds(options: argparse.Namespace, predictor: Predictor) -> tuple[float, ...]:
    if options.score_threshold is None:
        return predictor.thresholds
    return (options.score_threshold,) * len(predictor.thresholds)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "pd_ros.replay",
        "Run a detector over recorded clouds, and say how well and how fast.",
        _EXAMPLE,
    )
    _add_input(parser)
    _add_numbers(parser)
    add_z_offset(parser)
    add_columns(parser)
    add_ego_distance(parser)
    _add_output(parser)
    return parser


def _add_input(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--model", type=Path, required=True,
        help="checkpoint (.safetensors), sim_student, sim_teacher, real_student or real_teacher",
    )  # fmt: skip
    add(
        "--points", type=Path, required=True,
        help="recording (rosbag2 folder, .mcap, .db3, .bag), .bin, .npz, .npy, .pcd or a folder",
    )  # fmt: skip
    add("--out", type=Path, required=True, help="folder for detections.json and report.json")
    add("--topic", help="of the clouds in a recording; default: the only PointCloud2 topic")
    add(
        "--labels", type=Path,
        help="folder with label_2 and calib, or objects.json; default: looked for beside the"
        " clouds; recordings and .npz carry their own",
    )  # fmt: skip
    add("--no-labels", action="store_true", help="do not look for labels")
    add("--device", default="auto", help="auto, cpu or cuda:N")


def _add_numbers(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--score-threshold", type=float,
        help="least score of the boxes in detections.json, counts and pictures; default: the"
        " checkpoint's own for each class, as the node's; average precision and KITTI's result"
        " files take all",
    )  # fmt: skip
    add(
        "--intensity-scale", type=float, default=1.0,
        help="intensities are multiplied by it, to bring them to [0, 1], e.g. 0.00392 for floats"
        " up to 255; integers are divided by their type's maximum before",
    )  # fmt: skip


def _add_output(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--kitti-results", type=Path, metavar="DIR",
        help="write KITTI's result files, for python -m pd_ros.evaluate --metric kitti; needs"
        " calib beside the clouds",
    )  # fmt: skip
    add("--json", type=Path, metavar="FILE", help="write the report here as well")
    add("--picture", action="store_true", help="draw some clouds from above: birdseye.png")
    add(
        "--animation", type=Path, metavar="FILE",
        help="draw the drive from above, a frame for each of the first 200 clouds (.webp)",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
