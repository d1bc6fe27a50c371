"""The gap between batch norm's two modes: what training sees and what a vehicle sees.

A network that was trained on statistics of its batches and detects with running ones places and
sizes its boxes otherwise than it has learnt. Where the two differ, freeze the statistics earlier
(``schedule.norm_frozen_from``).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch

from pd_ros.detection.checkpoint import Checkpoint
from pd_ros.detection.families import make_batch, make_decoder
from pd_ros.detection.types import Detections
from pd_ros.evaluation.lidar import MIN_POINTS
from pd_ros.evaluation.operating.scores import (
    ALL_RANGES,
    OperatingScores,
    choose_thresholds,
    score_operating_point,
)
from training.batches.norm import norms
from training.config.run import SourceConfig
from training.datasets.frame import Frames
from training.datasets.source import open_source
from training.evaluate.scoring import to_ground_truth

_SWEEPS = 20
_BATCH = 2


class NormGap(NamedTuple):
    """One class with the running statistics, and with those of batches of two sweeps."""

    running: OperatingScores
    batch: OperatingScores


def measure_norm_gap(
    checkpoint: Checkpoint, source: SourceConfig, device: torch.device
) -> dict[str, NormGap]:
    """Detect in the first sweeps of a source in both modes, at the running mode's thresholds."""
    classes = checkpoint.config.classes
    frames = open_source(source, classes, checkpoint.config.features)
    truth = [
        to_ground_truth(frames[index], MIN_POINTS, checkpoint.config.range_m)
        for index in range(_count(frames))
    ]
    running = list(_detect(checkpoint, frames, device))
    for norm in norms(checkpoint.model):
        norm.train()
        norm.momentum = 0.0  # the running statistics stay as they are
    batch = list(_detect(checkpoint, frames, device))
    thresholds = choose_thresholds(truth, running, classes)
    first, second = (
        score_operating_point(truth, found, classes, thresholds) for found in (running, batch)
    )
    return {name: NormGap(first[name][ALL_RANGES], second[name][ALL_RANGES]) for name in classes}


def format_norm_gap(gap: Mapping[str, NormGap]) -> Iterator[str]:
    """Lines that say for each class that was found how the boxes differ."""
    for name, (running, batch) in gap.items():
        if running.errors is None or batch.errors is None:
            continue
        yield (
            f"{name:12}with running statistics {_words(running)}; with those of the batch"
            f" {_words(batch)}"
        )


def _words(scores: OperatingScores) -> str:
    assert scores.errors is not None
    means = (scores.errors.length_m, scores.errors.width_m, scores.errors.up_m)
    length, width, up = (mean for mean, _ in means)
    return (
        f"{scores.found} found, length {length:+.2f} m, width {width:+.2f} m, centre {up:+.2f} m"
    )


def _count(frames: Frames) -> int:
    """Whole batches of the first sweeps; a single one is a batch of its own."""
    count = min(len(frames), _SWEEPS)
    return count - count % _BATCH if count >= _BATCH else count


@torch.inference_mode()
def _detect(checkpoint: Checkpoint, frames: Frames, device: torch.device) -> Iterator[Detections]:
    config, model = checkpoint.config, checkpoint.model.to(device)
    decode = make_decoder(config, device)
    for start in range(0, _count(frames), _BATCH):
        numbers = range(start, min(start + _BATCH, _count(frames)))
        clouds = [torch.from_numpy(frames[number].points).to(device) for number in numbers]
        yield from (found.cpu() for found in decode(model(make_batch(clouds, config))))
