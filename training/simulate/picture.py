"""A look at a sweep: from above, and through the eyes of a driver."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pd_ros.detection.boxes import bev_corners
from pd_ros.evaluation.plots.displayable import undecorated

_REACH_M = 50.0
_COLOURS = {"car": "tab:green", "pedestrian": "tab:red", "cyclist": "tab:orange"}


class DrawnSweep(NamedTuple):
    """What is drawn of a sweep."""

    title: str
    points: NDArray[np.float32]  # [N, 4]
    boxes: NDArray[np.float32]  # [M, 7]
    labels: tuple[str, ...]  # [M]


def draw_sweeps(path: Path, sweeps: Sequence[DrawnSweep]) -> None:
    """Write a picture of sweeps side by side."""
    figure = Figure(figsize=(9 * len(sweeps), 13), layout="constrained")
    axes = figure.subplots(2, len(sweeps), squeeze=False, height_ratios=(2.2, 1))
    for column, (title, points, boxes, labels) in enumerate(sweeps):
        _from_above(axes[0][column], points, boxes, labels)
        _ahead(axes[1][column], points)
        axes[0][column].set_title(undecorated(title))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def _from_above(
    axes: Axes, points: NDArray[np.float32], boxes: NDArray[np.float32], labels: tuple[str, ...]
) -> None:
    shown = points[np.abs(points[:, :2]).max(axis=1) < _REACH_M]
    axes.scatter(
        shown[:, 0], shown[:, 1], s=0.15, c=shown[:, 2], cmap="viridis", vmin=-2.2, vmax=1.5
    )
    corners = bev_corners(torch.from_numpy(boxes.reshape(-1, 7))).numpy()
    for outline, box, label in zip(corners, boxes, labels, strict=True):
        ring = np.concatenate((outline, outline[:1]))
        colour = _COLOURS.get(label, "tab:blue")
        axes.plot(ring[:, 0], ring[:, 1], color=colour, linewidth=1)
        nose = (outline[0] + outline[3]) / 2
        axes.plot([box[0], nose[0]], [box[1], nose[1]], color=colour, linewidth=1)
    axes.set(xlim=(-_REACH_M, _REACH_M), ylim=(-_REACH_M, _REACH_M), aspect="equal")
    axes.set(xlabel="x (m), forward", ylabel="y (m), left")


def _ahead(axes: Axes, points: NDArray[np.float32]) -> None:
    """What lies ahead, by angle, coloured by intensity."""
    azimuth = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
    flat = np.hypot(points[:, 0], points[:, 1])
    elevation = np.degrees(np.arctan2(points[:, 2], flat))
    shown = np.abs(azimuth) < 45
    axes.scatter(
        -azimuth[shown], elevation[shown], s=0.5, c=points[shown, 3], cmap="inferno", vmax=0.8
    )
    axes.set(xlim=(-45, 45), ylim=(-25, 5), facecolor="black")
    axes.set(xlabel="azimuth (degrees, right positive)", ylabel="elevation (degrees)")
