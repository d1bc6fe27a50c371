"""Score a checkpoint on a data set of labelled sweeps.

python -m training.evaluate --model runs/sim_teacher/model.safetensors --data data/sim/test
"""

import argparse
import dataclasses
import json
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from tqdm import tqdm

from pd_ros.detection.batch import make_batch
from pd_ros.detection.checkpoint import load_checkpoint
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
    default_iou,
    evaluate_frames,
    format_table,
)
from pd_ros.evaluation.operating_point import (
    ALL_RANGES,
    OperatingScores,
    choose_thresholds,
    format_operating_point,
    score_operating_point,
)
from pd_ros.evaluation.reliability import Reliability, measure_reliability
from training.config import SourceConfig, TrainConfig
from training.data.source import open_source
from training.frame import Float32
from training.ground_truth import to_ground_truth
from training.norm_gap import format_norm_gap, measure_norm_gap

_LOG = logging.getLogger("training.evaluate")
_LOOSE_IOU = {"car": 0.5, "pedestrian": 0.25, "cyclist": 0.25}


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate",
        description="Score a checkpoint on a data set of labelled sweeps (LiDAR-frame rule).",
        epilog="example: python -m training.evaluate --model weights.safetensors"
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
    parser.add_argument("--limit", type=int, help="only the first sweeps")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda:N")
    parser.add_argument("--precision", default="auto", help="auto, fp32, bf16 or fp16")
    parser.add_argument("--json", type=Path, help="also write the scores here")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        source = _source(options)
        predictor = Predictor.from_checkpoint(options.model, options.device, options.precision)
        scores = score_source(predictor, predictor.config, source, MIN_POINTS, options.threshold)
        gap = measure_norm_gap(load_checkpoint(options.model), source, predictor.device)
    except ValueError as error:
        _LOG.error("%s", error)
        return 2
    sys.stdout.write(_format(scores, options.threshold))
    sys.stdout.writelines(f"{line}\n" for line in format_norm_gap(gap))
    if options.json:
        content = scores._asdict() | {"norm_gap": gap}
        text = json.dumps(content, indent=2, default=dataclasses.asdict)
        options.json.write_text(text, encoding="utf-8")
    return 0


def _source(options: argparse.Namespace) -> SourceConfig:
    keys = {"path": "data", "format": "format", "split": "split"}
    keys |= {"z_shift_m": "z_shift", "limit": "limit", "files": "files", "only": "only"}
    content = {key: getattr(options, name) for key, name in keys.items()}
    return parse_config(content, SourceConfig, "--data")


class Scores(NamedTuple):
    """What a detector is worth on some sweeps: ``{class: ...}`` of each measure."""

    strict: Mapping[str, ClassScores]  # at KITTI's overlaps
    loose: Mapping[str, ClassScores]
    operating_point: Mapping[str, Mapping[str, OperatingScores]]  # by range
    reliability: Mapping[str, Reliability]


def _format(scores: Scores, threshold: float | None) -> str:
    chosen = "the one given" if threshold is not None else "highest F1 on these very sweeps"
    lines = [
        f"strict\n{format_table(scores.strict)}",
        f"loose\n{format_table(scores.loose)}",
        f"operating point ({chosen}); ghosts touch nothing that is there",
        format_operating_point(scores.operating_point),
    ]
    for name, each in scores.reliability.items():
        lines.append(f"{name:12}scores are off by {each.error:.3f} on average")
    return "\n".join(lines) + "\n"


def score_source(
    detect: Callable[[Float32], Detections],
    config: AnyModelConfig,
    source: SourceConfig,
    min_points: int,
    threshold: float | None = None,
) -> Scores:
    """Score all sweeps of a source; without a threshold at those of the highest F1 there."""
    classes = config.classes
    truths, found = [], []
    frames = open_source(source, classes, config.features)
    for i in tqdm(range(len(frames)), desc=f"score {source.title}", leave=False):
        frame = frames[i]
        truths.append(to_ground_truth(frame, min_points, config.range_m))
        found.append(detect(frame.points))
    strict = default_iou(classes)
    loose = {name: _LOOSE_IOU.get(name, strict[name]) for name in classes}
    thresholds = choose_thresholds(truths, found, classes)
    if threshold is not None:
        thresholds = dict.fromkeys(classes, threshold)
    return Scores(
        evaluate_frames(truths, found, classes, strict),
        evaluate_frames(truths, found, classes, loose),
        score_operating_point(truths, found, classes, thresholds),
        measure_reliability(truths, found, classes),
    )


def score_model(
    model: AnyModel,
    config: AnyModelConfig,
    source: SourceConfig,
    device: torch.device,
    min_points: int,
) -> dict[str, float]:
    """AP and operating point of a network in training: ``{"car/bev_0.7": percent, ...}``."""
    decode = make_decoder(config, device)

    @torch.inference_mode()
    def detect(points: Float32) -> Detections:
        cloud = torch.from_numpy(points).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)):
            output = model(make_batch([cloud], config))
        return decode(output)[0].cpu()

    scores = score_source(detect, config, source, min_points)
    figures = {}
    for name in config.classes:
        for row in (scores.strict[name], scores.loose[name]):
            figures[f"{name}/bev_{row.min_iou:g}"] = round(row.ap_bev_r40, 2)
        figures[f"{name}/3d_{scores.strict[name].min_iou:g}"] = round(
            scores.strict[name].ap_3d_r40, 2
        )
        point = scores.operating_point[name][ALL_RANGES]
        for key in ("threshold", "recall", "precision", "ghosts_per_frame"):
            figures[f"{name}/{key}"] = round(getattr(point, key), 3)
    return figures


def validate(
    model: AnyModel, network: AnyModelConfig, config: TrainConfig, device: torch.device
) -> dict[str, float]:
    """AP and operating point of a network on each validation source of a run, if there are any."""
    model.eval()
    figures: dict[str, float] = {}
    for source in config.validation:
        scores = score_model(model, network, source, device, config.min_points)
        figures.update({f"{source.title}/{key}": value for key, value in scores.items()})
    return figures


if __name__ == "__main__":
    sys.exit(main())
