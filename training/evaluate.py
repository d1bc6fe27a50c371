"""Score a checkpoint on a data set of labelled sweeps.

python -m training.evaluate --model runs/sim_teacher/model.safetensors --data data/sim/test
"""

import argparse
import dataclasses
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from pd_ros.command_options import command_parser
from pd_ros.detection.batch import make_batch
from pd_ros.detection.decoder import make_decoder
from pd_ros.detection.device import has_bf16
from pd_ros.detection.frozen_config import parse_config
from pd_ros.detection.model import AnyModel
from pd_ros.detection.model_config import AnyModelConfig
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.types import Detections
from pd_ros.evaluation.lidar import (
    MIN_POINTS,
    ClassScores,
    GroundTruth,
    centre_in_range,
    default_iou,
    evaluate_frames,
    format_table,
)
from pd_ros.run_command import run_command
from training.config import SourceConfig, TrainConfig
from training.data.source import open_source
from training.frame import Float32, Frame

_LOG = logging.getLogger("training.evaluate")
_LOOSE_IOU = {"car": 0.5, "pedestrian": 0.25, "cyclist": 0.25}


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
    parser.add_argument("--limit", type=int, help="only the first sweeps")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
    parser.add_argument("--precision", default="auto", help="auto, fp32, bf16 or fp16")
    parser.add_argument("--json", type=Path, help="also write the scores here")
    options = parser.parse_args(arguments)
    return run_command("training.evaluate", lambda: _run(options), _LOG)


def _run(options: argparse.Namespace) -> None:
    source = _source(options)
    predictor = Predictor.from_checkpoint(options.model, options.device, options.precision)
    scores = score_source(predictor, predictor.config, source, MIN_POINTS)
    for title, table in scores.items():
        sys.stdout.write(f"{title}\n{format_table(table)}\n")
    if options.json:
        content = {
            t: {c: dataclasses.asdict(s) for c, s in rows.items()} for t, rows in scores.items()
        }
        options.json.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _source(options: argparse.Namespace) -> SourceConfig:
    keys = {"path": "data", "format": "format", "split": "split"}
    keys |= {"z_shift_m": "z_shift", "limit": "limit"}
    content = {key: getattr(options, name) for key, name in keys.items()}
    return parse_config(content, SourceConfig, "--data")


def score_source(
    detect: Callable[[Float32], Detections],
    config: AnyModelConfig,
    source: SourceConfig,
    min_points: int,
) -> dict[str, Mapping[str, ClassScores]]:
    """Scores at KITTI's strict and loose overlaps on all sweeps of a source."""
    classes = config.classes
    truths, found = [], []
    frames = open_source(source, classes, config.features)
    for i in tqdm(range(len(frames)), desc=f"score {source.folder.name}", leave=False):
        frame = frames[i]
        truths.append(to_ground_truth(frame, min_points, config.range_m))
        found.append(detect(frame.points))
    strict = default_iou(classes)
    loose = {name: _LOOSE_IOU.get(name, strict[name]) for name in classes}
    return {
        "strict": evaluate_frames(truths, found, classes, strict),
        "loose": evaluate_frames(truths, found, classes, loose),
    }


def to_ground_truth(frame: Frame, min_points: int, range_m: Sequence[float]) -> GroundTruth:
    """Boxes of a sweep; those with too few points or out of range need not be found."""
    boxes = torch.from_numpy(frame.boxes)
    ignore = torch.from_numpy(frame.num_points < min_points) | ~centre_in_range(boxes, range_m)
    return GroundTruth(boxes, torch.from_numpy(frame.labels), ignore)


def score_model(
    model: AnyModel,
    config: AnyModelConfig,
    source: SourceConfig,
    device: torch.device,
    min_points: int,
) -> dict[str, float]:
    """BEV AP of a network in training: ``{"car/bev_0.7": percent, ...}``."""
    decode = make_decoder(config, device)

    @torch.inference_mode()
    def detect(points: Float32) -> Detections:
        cloud = torch.from_numpy(points).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)):
            output = model(make_batch([cloud], config))
        return decode(output)[0].cpu()

    scores = score_source(detect, config, source, min_points)
    return {
        f"{name}/bev_{row.min_iou:g}": round(row.ap_bev_r40, 2)
        for rows in scores.values()
        for name, row in rows.items()
    }


def validate(
    model: AnyModel, network: AnyModelConfig, config: TrainConfig, device: torch.device
) -> dict[str, float]:
    """BEV AP of a network on each validation source of a run; nothing where none is named."""
    model.eval()
    figures: dict[str, float] = {}
    for source in config.validation:
        scores = score_model(model, network, source, device, config.min_points)
        figures.update({f"{source.folder.name}/{key}": value for key, value in scores.items()})
    return figures


if __name__ == "__main__":
    sys.exit(main())
