"""Draw one cloud and its boxes from above: x forward is up, y left is left."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pd_ros.detection.boxes import bev_corners
from pd_ros.evaluation.plots.displayable import undecorated
from pd_ros.evaluation.plots.layers import BirdseyePanel, BoxStyle, Layer, box_layers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINT_COLOURS = ("#e6eaef", "#a9b5c3", "#4a5d73")  # from the ground up
# Heights between which the colours change; what is higher or lower has the last colour.
_HEIGHT_RANGE_M = (-2.0, 1.0)
_VEHICLE = (0.0, 0.0, 0.0, 4.5, 1.9, 1.6, 0.0)
_VEHICLE_STYLE = BoxStyle("#222222", fill="#222222")
# Boxes are drawn at least this wide, as a share of the view: a pedestrian would be a few pixels.
_LEAST_SHARE = 0.014
_CELLS = 500  # a side, of which each shows its highest point
_LABELLED_SCALE = 0.6  # rings of smaller axes have no text


def draw_birdseye(axes: "Axes", panel: BirdseyePanel, range_m: float, scale: float = 1.0) -> None:
    """Draw the cloud within ``range_m`` ahead, behind and to the sides into empty axes.

    Points are grey-blue, darker the higher; boxes look as ``layers.py`` says and have a tick
    through their front. ``scale``: of lines and texts, 1 for axes of about 8 inches.
    """
    draw_surroundings(axes, range_m, scale)
    draw_contents(axes, panel.points, box_layers(panel), range_m, scale)


def draw_surroundings(axes: "Axes", range_m: float, scale: float) -> None:
    """Draw what is the same for all clouds: rings of distance and the own vehicle."""
    step_m = 10 if range_m < 35 else 20
    turn = np.linspace(0, 2 * np.pi, 181)
    for radius_m in range(step_m, int(range_m * 1.42), step_m):
        circle = radius_m * np.cos(turn), radius_m * np.sin(turn)
        axes.plot(*circle, color="#bcc4ce", linewidth=scale, zorder=0)
        if scale >= _LABELLED_SCALE:
            at = radius_m * np.sqrt(0.5)
            axes.text(
                at, at, f"{radius_m} m", color="#4b5563", fontsize=11 * scale, clip_on=True,
                ha="center", va="center", zorder=2,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
            )  # fmt: skip
    vehicle = torch.tensor([_VEHICLE])
    draw_boxes(axes, Layer("", vehicle, _VEHICLE_STYLE), range_m, scale)
    axes.set(xlim=(-range_m, range_m), ylim=(-range_m, range_m), aspect="equal")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("#c5cbd3")


def draw_contents(
    axes: "Axes", points: Tensor, layers: Sequence[Layer], range_m: float, scale: float
) -> list[Any]:
    """Draw points and boxes, and return what was drawn."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    low, high = _HEIGHT_RANGE_M
    colours = LinearSegmentedColormap.from_list("points", _POINT_COLOURS)
    drawn: list[Any] = [
        axes.imshow(
            height_image(points, range_m, max(160, round(_CELLS * scale))),
            cmap=colours, vmin=low, vmax=high, extent=(-range_m, range_m) * 2,
            interpolation="nearest", zorder=1,
        )
    ]  # fmt: skip
    for layer in layers:
        drawn += draw_boxes(axes, layer, range_m, scale)
    return drawn


def draw_boxes(axes: "Axes", layer: Layer, range_m: float, scale: float) -> list[Any]:
    """Draw boxes ``[K, 7]`` with a tick through the front of each, and return what was drawn."""
    from matplotlib.collections import LineCollection, PolyCollection  # noqa: PLC0415

    boxes, style = layer.boxes.detach().cpu().double().clone(), layer.style
    boxes[:, 3:5] = boxes[:, 3:5].clamp(min=2 * range_m * _LEAST_SHARE)
    corners = list(bev_corners(boxes).numpy()[..., [1, 0]] * (-1, 1))
    ahead = torch.stack((boxes[:, 6].cos(), boxes[:, 6].sin()), dim=1)
    ticks = torch.stack(
        [boxes[:, :2] + reach * boxes[:, 3:4] * ahead for reach in (0.5, 0.85)], dim=1
    )
    width = style.width * scale
    polygons = PolyCollection(
        corners, facecolors=style.fill, edgecolors=style.edge, linewidths=width,
        linestyles=style.line, zorder=3,
    )  # fmt: skip
    lines = LineCollection(
        list(ticks.numpy()[..., [1, 0]] * (-1, 1)), colors=style.edge, linewidths=width, zorder=3
    )
    return [axes.add_collection(each, autolim=False) for each in (polygons, lines)]


def legend_handles(layers: Sequence[Layer], counts: bool = True) -> list[Any]:
    """Return what a legend shows of each group, the most important first."""
    from matplotlib.patches import Patch  # noqa: PLC0415

    return [
        Patch(
            facecolor=layer.style.fill, edgecolor=layer.style.edge, linestyle=layer.style.line,
            linewidth=layer.style.width,
            label=undecorated(_label(layer) if counts else layer.name),
        )
        for layer in reversed(layers)
    ]  # fmt: skip


def _label(layer: Layer) -> str:
    return f"{layer.summary}: {layer.note}" if layer.note else layer.summary


def height_image(points: Tensor, range_m: float, cells: int) -> NDArray[np.float32]:
    """Height of the highest point in each cell ``[cells, cells]``, NaN where there is none.

    The first row is the farthest ahead, the first column the farthest to the left.
    """
    xyz = points.detach().cpu().float().numpy()[:, :3]
    xyz = xyz[np.isfinite(xyz).all(axis=1) & (np.abs(xyz[:, :2]) < range_m).all(axis=1)]
    image = np.full((cells, cells), -np.inf, np.float32)
    places = ((1 - xyz[:, :2] / range_m) * (cells / 2)).astype(np.int64).clip(0, cells - 1)
    np.maximum.at(image, (places[:, 0], places[:, 1]), xyz[:, 2])
    return np.where(np.isfinite(image), image, np.float32(np.nan))


def reach_m(panel: BirdseyePanel) -> float:
    """How far to look to see every object that is asked for and every detection."""
    boxes = [panel.detections.boxes]
    if (truth := panel.ground_truth) is not None:
        boxes.append(truth.boxes[~truth.ignore & (truth.labels >= 0)])
    farthest = [float(each[:, :2].abs().max()) + 4 for each in boxes if len(each)]
    return min(max([25.0, *farthest]), 150.0)
