"""Score a checkpoint on a data set of labelled sweeps.

python -m training.evaluate --model runs/sim_teacher/model.safetensors --data data/sim/test
"""

import argparse
import dataclasses
import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pd_ros.detection.checkpoint import add_to_record, load_checkpoint
from pd_ros.detection.config.base import parse_config
from pd_ros.detection.families import AnyModelConfig
from pd_ros.detection.predictor import Predictor
from pd_ros.evaluation.lidar import MIN_POINTS, format_table
from pd_ros.evaluation.operating.platt_scaling import fit_scaling, held_out_reliability
from pd_ros.evaluation.operating.reliability import Reliability, measure_reliability
from pd_ros.evaluation.operating.report import format_operating_point, operating_point_json
from pd_ros.evaluation.operating.scores import ALL_RANGES
from pd_ros.pointcloud.beams import measure_beams
from pd_ros.pointcloud.statistics import measure_cloud
from pd_ros.pointcloud.training_statistics import KEY as CLOUD_KEY
from pd_ros.pointcloud.training_statistics import Expected, expected_clouds, summarise
from pd_ros.process.memory import keep_freed_memory
from pd_ros.process.run_command import command_parser, run_command
from pd_ros.recordings.cloud_options import add_z_offset
from training.config.run import SourceConfig
from training.datasets.first_look import remarks_on, xyzi
from training.datasets.frame import Frames
from training.datasets.source import open_source
from training.evaluate.norm_gap import NormGap, format_norm_gap, measure_norm_gap
from training.evaluate.offsets import offsets_of_drives
from training.evaluate.pictures import draw_mistakes
from training.evaluate.record import record_entries
from training.evaluate.scoring import (
    ScoredSweeps,
    Scores,
    detect_source,
    drives_in,
    score_sweeps,
)

_LOG = logging.getLogger("training.evaluate")
_RECORDED = 40  # sweeps


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = command_parser(
        "training.evaluate",
        "Score a checkpoint on a data set of labelled sweeps (LiDAR-frame rule).",
        "example: python -m training.evaluate --model weights.safetensors"
        " --data data/sim/test --json scores.json",
    )
    _add_data(parser)
    _add_judgement(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
    parser.add_argument("--precision", default="auto", help="auto, fp32, bf16 or fp16")
    parser.add_argument("--json", type=Path, help="also write the scores here")
    options = parser.parse_args(arguments)
    keep_freed_memory()
    return run_command("training.evaluate", lambda: _run(options), _LOG)


def _add_data(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--model", type=Path, required=True, help="checkpoint")
    add("--data", required=True, help="folder of .npz sweeps, or see --format")
    add("--format", default="npz", help="format of the data, as in a run's YAML")
    add("--split", help="part of the data, as in a run's YAML")
    add("--z-shift", type=float, default=0.0, help="m, added to z of the sweeps")
    add_z_offset(parser)
    add("--files", help="list of the sweeps to take, as FILE.json#KEY")
    add("--only", help="of the list those that fit this pattern, as 'kitti_*'")
    add("--drives", help="table of each sweep's drive, as manifest.json")
    add("--limit", type=int, help="only the first sweeps")


def _add_judgement(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--threshold", type=float,
        help="score of the operating point for all classes; -1: the checkpoint's own, as the node"
        " uses it; without it that of the highest F1",
    )  # fmt: skip
    add(
        "--keep-operating-point", action="store_true",
        help="calibrate the scores on these sweeps, and write that, the thresholds and the errors"
        " of the boxes into the checkpoint, for all that run it",
    )  # fmt: skip
    add(
        "--keep-clouds", action="store_true",
        help="write into the checkpoint that the clouds of its training were like these: for one"
        " that is older than the record of rings, or imported",
    )  # fmt: skip
    add(
        "--pictures", type=Path, metavar="DIR",
        help="draw the surest ghosts and the nearest missed objects of each class: CLASS.png",
    )  # fmt: skip


class _Calibration(NamedTuple):
    """By class, how far scores are from the share of right boxes."""

    uncalibrated: Mapping[str, Reliability]
    held_out: Mapping[str, Reliability]  # each half of the drives calibrated on the other


def _run(options: argparse.Namespace) -> None:
    source = _source(options)
    predictor = Predictor.from_checkpoint(options.model, options.device, options.precision)
    classes, scaling = predictor.config.classes, predictor.scaling
    frames = open_source(source, classes, predictor.config.features)
    expected = expected_clouds(predictor.training, predictor.where)
    if options.z_offset is None:
        drives, features = drives_in(source, frames), predictor.config.features
        offsets_m = offsets_of_drives(frames, drives, features, expected.ground_m)
        sys.stdout.write(f"--z-offset auto: {min(offsets_m):.2f} to {max(offsets_m):.2f} m\n")
    else:
        offsets_m = [options.z_offset] * len(frames)
    _look_at_clouds(source, predictor, expected, offsets_m[0])
    raw = detect_source(
        lambda points: predictor.infer_uncalibrated(points).detections,
        predictor.config, source, MIN_POINTS, offsets_m,
    )  # fmt: skip
    if options.keep_operating_point:
        scaling = fit_scaling(raw.truth, raw.found, classes, source.title)
    sweeps = raw.calibrated(scaling, classes)
    scores = score_sweeps(sweeps, classes, _given(options.threshold, predictor))
    calibration = _Calibration(
        measure_reliability(raw.truth, raw.found, classes),
        held_out_reliability(raw.truth, raw.found, classes, raw.drives),
    )
    gap = measure_norm_gap(load_checkpoint(options.model), source, predictor.device)
    sys.stdout.write(_format(scores, options.threshold, calibration))
    sys.stdout.writelines(f"{line}\n" for line in format_norm_gap(gap))
    if scaling is not None and options.keep_operating_point:
        kept = record_entries(scores.operating_point, scaling, source.title)
        add_to_record(options.model, kept)
    if options.keep_clouds:
        _keep_clouds(options.model, frames, predictor.config)
    if options.json:
        _write_json(options.json, scores, calibration, gap)
    if options.pictures:
        _draw(options.pictures, sweeps, frames, scores)


def _given(threshold: float | None, predictor: Predictor) -> tuple[float, ...] | None:
    """Return the thresholds asked for, one for each class; None: those of the highest F1."""
    if threshold is None:
        return None
    return predictor.thresholds if threshold < 0 else (threshold,) * len(predictor.thresholds)


def _look_at_clouds(
    source: SourceConfig, predictor: Predictor, expected: Expected, z_offset_m: float
) -> None:
    """Print what differs between the first clouds and those of the training."""
    config = predictor.config
    frames = open_source(source, config.classes, config.features, as_read=True)
    clouds = (frames[i] for i in range(len(frames)))
    remarks = remarks_on(
        source.title, clouds, config.features, config.range_m, expected,
        z_offset_m=z_offset_m, z_offset_name="--z-offset",
    )  # fmt: skip
    sys.stdout.writelines(f"{line}\n" for line in remarks)


def _keep_clouds(path: Path, frames: Frames, config: AnyModelConfig) -> None:
    """Record up to so many sweeps, spread over all, as training does."""
    step = max(1, len(frames) // _RECORDED)
    sweeps = [
        xyzi(frames[i].points, config.features) for i in range(0, len(frames), step)[:_RECORDED]
    ]
    contents = [measure_cloud(sweep, config.range_m) for sweep in sweeps]
    record = summarise(contents, [measure_beams(sweep) for sweep in sweeps])
    if record is not None:
        add_to_record(path, {CLOUD_KEY: record.model_dump()})


def _draw(folder: Path, sweeps: ScoredSweeps, frames: Frames, scores: Scores) -> None:
    points = scores.operating_point.items()
    thresholds = {name: ranges[ALL_RANGES].threshold for name, ranges in points}
    for path in draw_mistakes(folder, sweeps, frames, thresholds):
        sys.stdout.write(f"picture: {path}\n")


def _write_json(
    path: Path, scores: Scores, calibration: _Calibration, gap: Mapping[str, NormGap]
) -> None:
    others = {
        "operating_point": operating_point_json(scores.operating_point),
        "reliability_uncalibrated": calibration.uncalibrated,
        "reliability_held_out": calibration.held_out,
        "norm_gap": gap,
    }
    text = json.dumps(scores._asdict() | others, indent=2, default=dataclasses.asdict)
    path.write_text(text, encoding="utf-8")


def _source(options: argparse.Namespace) -> SourceConfig:
    keys = {"path": "data", "format": "format", "split": "split"}
    keys |= {"z_shift_m": "z_shift", "limit": "limit", "files": "files", "only": "only"}
    keys |= {"drives": "drives"}
    content = {key: getattr(options, name) for key, name in keys.items()}
    return parse_config(content, SourceConfig, "--data")


def _format(scores: Scores, threshold: float | None, calibration: _Calibration) -> str:
    chosen = "highest F1 on these very sweeps, at most 0.5 ghosts a frame"
    if threshold is not None:
        chosen = "the checkpoint's own" if threshold < 0 else "the one given"
    lines = [
        f"strict\n{format_table(scores.strict)}",
        f"loose\n{format_table(scores.loose)}",
        f"operating point ({chosen}); ghosts touch nothing that is there",
        format_operating_point(scores.operating_point),
    ]
    for name, each in scores.reliability.items():
        lines.append(
            f"{name:12}scores are off by {each.error:.3f} on average; by"
            f" {calibration.uncalibrated[name].error:.3f} uncalibrated, by"
            f" {calibration.held_out[name].error:.3f} calibrated on the other half of the drives"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
