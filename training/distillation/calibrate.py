"""Calibrates a teacher's scores on labelled sweeps of the run."""

import logging
from collections.abc import Callable

import numpy as np
import torch

from pd_ros.detection.batch import make_batch
from pd_ros.detection.types import AnyOutput, Detections
from training.config import SourceConfig, TrainConfig
from training.data.source import open_source
from training.distillation.calibration import Calibration, Judged, fit_calibration, judge
from training.distillation.decoding import LEAST_SCORE, BoxDecoder
from training.distillation.teacher import Teacher
from training.distillation.unlabelled_config import UnlabelledConfig
from training.labels import split_labels

_LOG = logging.getLogger("training.distillation")


def calibrate(
    teacher: Teacher, run: TrainConfig, config: UnlabelledConfig, device: torch.device
) -> Calibration | None:
    """How often the teacher is right on labelled clouds of the run; None if not asked for.

    Validation sweeps where there are some, as the teacher may know the others by heart.
    """
    if not config.calibration_sweeps:
        return None
    sources = [source for source in run.validation or run.data if source.labelled]
    decode = BoxDecoder(teacher.config, score=LEAST_SCORE)
    judged = [
        part
        for source in sources
        for part in _judge_source(source, teacher, decode, run.min_points,
                                  -(-config.calibration_sweeps // len(sources)), device)
    ]  # fmt: skip
    names = teacher.config.classes
    calibration = fit_calibration(Judged.join(judged), len(names))
    for name, (scores, chances) in zip(names, calibration.curves, strict=True):
        points = zip(scores.tolist(), chances.tolist(), strict=True)
        curve = ", ".join(f"{score:.2f}: {chance:.2f}" for score, chance in list(points)[::5])
        _LOG.info(
            "%s boxes of the teacher, chance of being right by score: %s", name, curve or "-"
        )
    return calibration


@torch.no_grad()
def _judge_source(
    source: SourceConfig,
    teacher: Teacher,
    decode: Callable[[AnyOutput], list[Detections]],
    min_points: int,
    most: int,
    device: torch.device,
) -> list[Judged]:
    network = teacher.config
    frames = open_source(source, network.classes, network.features)
    numbers = np.unique(np.linspace(0, len(frames) - 1, min(most, len(frames))).astype(int))
    judged = []
    for number in numbers:
        frame = frames[int(number)]
        cloud = torch.from_numpy(frame.points).to(device)
        output = teacher.model(make_batch([cloud], network))
        judged.append(judge(decode(output)[0].cpu(), split_labels(frame, min_points)))
    return judged
