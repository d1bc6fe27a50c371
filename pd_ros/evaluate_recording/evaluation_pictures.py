"""The pictures of an evaluation, as files that the page then takes in."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from pd_ros.detection.operating_point import above_thresholds
from pd_ros.evaluate_recording.accuracy import Accuracy
from pd_ros.evaluate_recording.frames import ChosenFrames, ModelAnswer, PicturedFrame
from pd_ros.evaluate_recording.summary import ModelSummary, total
from pd_ros.evaluation import distance_bins as distance
from pd_ros.evaluation.curves import CurvePanel
from pd_ros.evaluation.lidar import ClassScores
from pd_ros.evaluation.plots.charts import (
    BarPanel,
    save_bars,
    save_latency,
    save_precision_curves,
)
from pd_ros.evaluation.plots.layers import BirdseyePanel
from pd_ros.evaluation.plots.overview import save_side_by_side

PICTURES = "pictures"


class Picture(NamedTuple):
    """A picture and what it shows."""

    path: Path
    caption: str


class Pictures(NamedTuple):
    """All pictures of an evaluation; those of accuracy are missing without a reference."""

    curves: Picture | None
    ranges: Picture | None
    latency: Picture
    worst: tuple[Picture, ...]
    best: tuple[Picture, ...]
    others: tuple[Picture, ...]


class FrameStyle(NamedTuple):
    """How frames are drawn."""

    models: Sequence[str]
    classes: Sequence[str]
    thresholds: Sequence[Sequence[float]]  # of each model, by class
    reference: str


def draw_pictures(
    out: Path, summaries: Sequence[ModelSummary], chosen: ChosenFrames, style: FrameStyle
) -> Pictures:
    """Draw all into ``out/pictures``, in place of those that are there."""
    folder = out / PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.png"):
        old.unlink()
    measured = {s.name: s.accuracy for s in summaries if s.accuracy is not None}
    latency = folder / "latency.png"
    save_latency(latency, {summary.name: summary.latency_ms for summary in summaries})
    return Pictures(
        curves=_curves(folder / "precision_recall.png", measured, style.classes),
        ranges=_ranges(folder / "ranges.png", measured, style.classes),
        latency=Picture(latency, "Share of the clouds that were answered within a time"),
        worst=_frames(folder, "worst", chosen.worst, style),
        best=_frames(folder, "best", chosen.best, style),
        others=_frames(folder, "frame", chosen.others, style),
    )


def _curves(path: Path, measured: dict[str, Accuracy], classes: Sequence[str]) -> Picture | None:
    if not measured:
        return None
    row = [CurvePanel(c, [accuracy.curves[c] for accuracy in measured.values()]) for c in classes]
    save_precision_curves(path, [row], "")
    return Picture(path, "Precision over recall from above, at the loose overlap")


def _ranges(path: Path, measured: dict[str, Accuracy], classes: Sequence[str]) -> Picture | None:
    if not measured:
        return None
    panels = [
        BarPanel(
            name,
            distance.NAMES,
            {
                model: [_ap_bev(accuracy.loose[part][name]) for part in distance.NAMES]
                for model, accuracy in measured.items()
            },
        )
        for name in classes
    ]
    save_bars(path, panels, "AP BEV")
    return Picture(path, "Average precision from above by distance, at the loose overlap")


def _ap_bev(scores: ClassScores) -> float:
    return scores.ap_bev_r40 if scores.num_truth else math.nan


def _frames(
    folder: Path, kind: str, frames: Sequence[PicturedFrame], style: FrameStyle
) -> tuple[Picture, ...]:
    pictures = []
    for number, frame in enumerate(frames, start=1):
        path = folder / f"{kind}_{number}.png"
        models = zip(style.models, frame.result.answers, style.thresholds, strict=True)
        save_side_by_side(path, [_panel(frame, *model, style) for model in models])
        pictures.append(Picture(path, f"{frame.recording}, frame {frame.result.frame}"))
    return tuple(pictures)


def _panel(
    frame: PicturedFrame,
    model: str,
    answer: ModelAnswer,
    thresholds: Sequence[float],
    style: FrameStyle,
) -> BirdseyePanel:
    found = above_thresholds(answer.found, thresholds)
    sums = total([part for row in (answer.agreement or {}).values() for part in row])
    title = f"{model}: {sums.matched} matched, {sums.missed} missed, {sums.extra} extra"
    reference = frame.result.reference
    truth = None if reference is None else reference.truth
    points = torch.from_numpy(frame.points.copy())
    return BirdseyePanel(points, found, style.classes, title, truth, style.reference)
