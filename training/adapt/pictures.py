"""Pictures of an adaptation: held-back scenes before and after, and the user's own clouds."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from pd_ros.detection.predictor import Predictor
from pd_ros.evaluate_recording.evaluation_pictures import Picture
from pd_ros.evaluation.lidar import MIN_POINTS
from pd_ros.evaluation.plots.layers import BirdseyePanel
from pd_ros.evaluation.plots.overview import save_side_by_side
from pd_ros.pointcloud.z_offset import raised
from training.adapt.compare import publish
from training.config.run import SourceConfig
from training.datasets.npz import read_frame
from training.datasets.source import open_source
from training.evaluate.scoring import to_ground_truth

_SCENES, _CLOUDS = 3, 4


def draw_scenes(
    folder: Path, students: Mapping[str, Predictor], source: SourceConfig
) -> list[Picture]:
    """Draw the fullest held-back scenes, each as all students see them."""
    first = next(iter(students.values()))
    frames = open_source(source, first.config.classes, first.config.features)
    counts = [int((frames.labels(number) >= 0).sum()) for number in range(len(frames))]
    fullest = sorted(range(len(counts)), key=lambda number: -counts[number])[:_SCENES]
    pictures = []
    for place, number in enumerate(fullest):
        frame = frames[number]
        panels = [
            BirdseyePanel(
                torch.from_numpy(frame.points), publish(student, frame.points),
                student.config.classes, title,
                to_ground_truth(frame, MIN_POINTS, student.config.range_m),
            )
            for title, student in students.items()
        ]  # fmt: skip
        pictures.append(_save(folder / f"scene_{place}.png", panels, f"scene {number}"))
    return pictures


def draw_own(
    folder: Path, students: Mapping[str, Predictor], files: Sequence[Path], z_shift_m: float
) -> list[Picture]:
    """Draw some of the user's own clouds as all students see them."""
    step = max(len(files) // _CLOUDS, 1)
    pictures = []
    for place, path in enumerate(files[::step][:_CLOUDS]):
        points = read_frame(path).points
        seen = raised(points, z_shift_m)
        panels = [
            BirdseyePanel(
                torch.from_numpy(points), publish(student, seen).lowered(z_shift_m),
                student.config.classes, title,
            )
            for title, student in students.items()
        ]  # fmt: skip
        pictures.append(_save(folder / f"own_{place}.png", panels, f"your cloud {place * step}"))
    return pictures


def _save(path: Path, panels: Sequence[BirdseyePanel], caption: str) -> Picture:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_side_by_side(path, panels)
    return Picture(path, caption)
