"""Score a checkpoint on a data set of labelled sweeps.

python -m training.evaluate --model runs/sim_teacher/model.safetensors --data data/sim/test
"""

import argparse
import dataclasses
import json
import logging
import sys
from pathlib import Path

from pd_ros.detection.checkpoint import add_to_record, load_checkpoint
from pd_ros.detection.config.base import parse_config
from pd_ros.detection.operating_point import KEY
from pd_ros.detection.predictor import Predictor
from pd_ros.evaluation.lidar import MIN_POINTS, format_table
from pd_ros.evaluation.operating_point import format_operating_point
from pd_ros.pointcloud.training_statistics import expected_clouds
from pd_ros.process.command_options import command_parser
from pd_ros.process.run_command import run_command
from training.config.run import SourceConfig
from training.datasets.first_look import remarks_on
from training.datasets.source import open_source
from training.evaluate.norm_gap import format_norm_gap, measure_norm_gap
from training.evaluate.scoring import Scores, score_source, to_operating_point

_LOG = logging.getLogger("training.evaluate")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = command_parser(
        "training.evaluate",
        "Score a checkpoint on a data set of labelled sweeps (LiDAR-frame rule).",
        "example: python -m training.evaluate --model weights.safetensors"
        " --data data/sim/test --json scores.json",
    )
    parser.add_argument("--model", type=Path, required=True, help="checkpoint")
    parser.add_argument("--data", required=True, help="folder of .npz sweeps, or see --format")
    parser.add_argument("--format", default="npz", help="format of the data, as in a run's YAML")
    parser.add_argument("--split", help="part of the data, as in a run's YAML")
    parser.add_argument("--z-shift", type=float, default=0.0, help="m, added to z of the sweeps")
    parser.add_argument("--files", help="list of the sweeps to take, as FILE.json#KEY")
    parser.add_argument("--only", help="of the list those that fit this pattern, as 'kitti_*'")
    parser.add_argument(
        "--threshold",
        type=float,
        help="score of the operating point for all classes; without it that of the highest F1",
    )
    parser.add_argument(
        "--keep-operating-point",
        action="store_true",
        help="write the thresholds into the checkpoint, for all that run it",
    )
    parser.add_argument("--limit", type=int, help="only the first sweeps")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
    parser.add_argument("--precision", default="auto", help="auto, fp32, bf16 or fp16")
    parser.add_argument("--json", type=Path, help="also write the scores here")
    options = parser.parse_args(arguments)
    return run_command("training.evaluate", lambda: _run(options), _LOG)


def _run(options: argparse.Namespace) -> None:
    source = _source(options)
    predictor = Predictor.from_checkpoint(options.model, options.device, options.precision)
    config = predictor.config
    expected = expected_clouds(predictor.training, predictor.where)
    frames = open_source(source, config.classes, config.features)
    sweeps = (frames[i] for i in range(len(frames)))
    remarks = remarks_on(source.title, sweeps, config.features, config.range_m, expected)
    sys.stdout.writelines(f"{line}\n" for line in remarks)
    scores = score_source(predictor, predictor.config, source, MIN_POINTS, options.threshold)
    gap = measure_norm_gap(load_checkpoint(options.model), source, predictor.device)
    sys.stdout.write(_format(scores, options.threshold))
    sys.stdout.writelines(f"{line}\n" for line in format_norm_gap(gap))
    if options.keep_operating_point:
        point = to_operating_point(scores, source.title)
        add_to_record(options.model, {KEY: point.model_dump()})
    if options.json:
        content = scores._asdict() | {"norm_gap": gap}
        text = json.dumps(content, indent=2, default=dataclasses.asdict)
        options.json.write_text(text, encoding="utf-8")


def _source(options: argparse.Namespace) -> SourceConfig:
    keys = {"path": "data", "format": "format", "split": "split"}
    keys |= {"z_shift_m": "z_shift", "limit": "limit", "files": "files", "only": "only"}
    content = {key: getattr(options, name) for key, name in keys.items()}
    return parse_config(content, SourceConfig, "--data")


def _format(scores: Scores, threshold: float | None) -> str:
    chosen = (
        "the one given"
        if threshold is not None
        else "highest F1 on these very sweeps, at most 0.5 ghosts a frame"
    )
    lines = [
        f"strict\n{format_table(scores.strict)}",
        f"loose\n{format_table(scores.loose)}",
        f"operating point ({chosen}); ghosts touch nothing that is there",
        format_operating_point(scores.operating_point),
    ]
    for name, each in scores.reliability.items():
        lines.append(f"{name:12}scores are off by {each.error:.3f} on average")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
