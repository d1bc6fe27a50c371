"""Pictures of clouds and boxes from above, and of precision over recall.

With ``charts.py`` the only file that draws. matplotlib takes most of a second to import, so it is
done when needed.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from pd_ros.detection.boxes import bev_corners
from pd_ros.detection.types import Detections
from pd_ros.evaluation.curves import CurvePanel
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.evaluation.plots.displayable import undecorated

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRUTH_COLOUR = "#2ca02c"
_IGNORED_COLOUR = "#98c998"
_CLASS_COLOURS = ("#d62728", "#1f77b4", "#ff7f0e", "#9467bd", "#e377c2", "#8c564b")
_RING_STEP_M = 20
# Heights between which the colours change; what is higher or lower has the last colour.
_HEIGHT_RANGE_M = (-2.5, 1.5)
_PANEL_INCHES = 6.0


class BirdseyePanel(NamedTuple):
    """One cloud with its boxes."""

    points: torch.Tensor  # [N, 3+], x, y, z first
    detections: Detections
    classes: Sequence[str]  # names of the detections' labels
    title: str
    ground_truth: GroundTruth | None = None
    truth_name: str = "ground truth"


def draw_birdseye(axes: "Axes", panel: BirdseyePanel, range_m: float | None = None) -> None:
    """Draw one cloud from above: x forward is up, y left is left.

    Points are coloured by height, ground truth is green (pale where ignored), detections have
    their class' colour and their score; a line runs from each box's centre through its front.
    ``range_m``: how far to show; by default as far as nearly all points and all boxes reach.
    """
    points = panel.points.detach().cpu().float().numpy()[:, :3]
    points = points[np.isfinite(points).all(axis=1)]
    low, high = _HEIGHT_RANGE_M
    axes.scatter(
        -points[:, 1], points[:, 0], c=points[:, 2], s=0.3, linewidths=0, cmap="viridis",
        vmin=low, vmax=high, rasterized=True,
    )  # fmt: skip
    if panel.ground_truth is not None:
        for box, ignored in zip(panel.ground_truth.boxes, _ignored(panel), strict=True):
            _draw_box(axes, box, _IGNORED_COLOUR if ignored else _TRUTH_COLOUR, width=2.4)
    found = panel.detections
    for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True):
        colour = _CLASS_COLOURS[int(label) % len(_CLASS_COLOURS)]
        _draw_box(axes, box, colour, width=1.2)
        axes.text(-box[1], box[0], f" {score:.2f}", color=colour, fontsize=6, clip_on=True)
    _draw_frame(axes, undecorated(panel.title), range_m or _reach_m(points, panel))
    _draw_legend(axes, panel)


def save_birdseye(path: Path, panels: Sequence[BirdseyePanel], title: str) -> None:
    """Save a grid of panels, at least one, as a picture; the format is the file's suffix."""
    if not panels:
        raise ValueError(f"{path}: expected at least one cloud to draw, got none")
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(columns * _PANEL_INCHES, rows * _PANEL_INCHES)
    for number, panel in enumerate(panels, start=1):
        draw_birdseye(figure.add_subplot(rows, columns, number), panel)
    figure.suptitle(undecorated(title))
    figure.savefig(path, dpi=120)


def save_precision_curves(path: Path, panels: Sequence[Sequence[CurvePanel]], title: str) -> None:
    """Save precision over recall: rows of panels, all as long as the first; at least one panel."""
    rows, columns = len(panels), len(panels[0])
    figure = new_figure(columns * 3.0, rows * 2.8)
    for number, (subtitle, curves) in enumerate((panel for row in panels for panel in row), 1):
        axes = figure.add_subplot(rows, columns, number)
        for label, recall, precision in curves:
            axes.plot(recall, precision, label=undecorated(label))
        axes.set(title=undecorated(subtitle), xlim=(0, 1.01), ylim=(0, 1.03))
        axes.set(xlabel="recall", ylabel="precision")
        axes.legend(loc="lower left", fontsize=7)
    figure.suptitle(undecorated(title))
    figure.savefig(path, dpi=120)


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure, in inches, that no window system and no global state knows of."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _draw_box(axes: "Axes", box: torch.Tensor, colour: str, width: float) -> None:
    corners = bev_corners(box[None].double())[0].numpy()
    ring = np.concatenate((corners, corners[:1]))
    axes.plot(-ring[:, 1], ring[:, 0], color=colour, linewidth=width)
    centre, yaw = box[:2].double().numpy(), float(box[6])
    reach = 0.75 * float(box[3])
    front = centre + reach * np.array([np.cos(yaw), np.sin(yaw)])
    axes.plot([-centre[1], -front[1]], [centre[0], front[0]], color=colour, linewidth=width)


def _draw_frame(axes: "Axes", title: str, range_m: float) -> None:
    turn = np.linspace(0, 2 * np.pi, 181)
    for radius_m in range(_RING_STEP_M, int(range_m * 1.5), _RING_STEP_M):
        circle = radius_m * np.cos(turn), radius_m * np.sin(turn)
        axes.plot(*circle, color="0.8", linewidth=0.5, zorder=0)
        axes.text(0, radius_m, f"{radius_m} m", color="0.5", fontsize=6, clip_on=True)
    axes.plot(0, 0, marker="^", color="black", markersize=5)
    axes.set(xlim=(-range_m, range_m), ylim=(-range_m, range_m), title=title, aspect="equal")
    axes.set(xlabel="right of the sensor [m]", ylabel="ahead of the sensor [m]")


def _draw_legend(axes: "Axes", panel: BirdseyePanel) -> None:
    names = [
        (name, _CLASS_COLOURS[i % len(_CLASS_COLOURS)]) for i, name in enumerate(panel.classes)
    ]
    if panel.ground_truth is not None:
        names.append((panel.truth_name, _TRUTH_COLOUR))
    for name, colour in names:
        axes.plot([], [], color=colour, label=undecorated(name))
    if names:
        axes.legend(loc="upper right", fontsize=6)


def _ignored(panel: BirdseyePanel) -> list[bool]:
    truth = panel.ground_truth
    return [] if truth is None else (truth.ignore | (truth.labels < 0)).tolist()


def _reach_m(points: np.ndarray, panel: BirdseyePanel) -> float:
    """Half the side of a square that shows 98 % of the points and every box."""
    reach = [10.0]
    if len(points):
        reach.append(float(np.quantile(np.abs(points[:, :2]).max(axis=1), 0.98)))
    truth = [] if panel.ground_truth is None else [panel.ground_truth.boxes]
    reach += [float(box[:2].abs().max()) + 5 for boxes in (panel.detections.boxes, *truth)
              for box in boxes]  # fmt: skip
    return max(reach)
