"""Save a grid of places seen from above, each around one box."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from pd_ros.evaluation.plots.birdseye import draw_contents
from pd_ros.evaluation.plots.displayable import undecorated
from pd_ros.evaluation.plots.figure import new_figure
from pd_ros.evaluation.plots.layers import Layer

_COLUMNS = 4
_SIDE_INCHES = 3.0
_REACH_M = 10.0  # of a crop, to each side


class Crop(NamedTuple):
    """What one pair of axes shows."""

    title: str
    points: Tensor  # [N, 3+], x, y, z first
    centre: tuple[float, float]  # x, y
    layers: Sequence[Layer]


def save_crops(path: Path, crops: Sequence[Crop], title: str) -> None:
    """Save the crops in rows of four; the vehicle drives up in each. At least one crop."""
    rows = -(-len(crops) // _COLUMNS)
    figure = new_figure(_COLUMNS * _SIDE_INCHES, rows * (_SIDE_INCHES + 0.35) + 0.4)
    figure.suptitle(undecorated(title))
    for number, crop in enumerate(crops, start=1):
        axes = figure.add_subplot(rows, _COLUMNS, number)
        points = _moved(crop.points, crop.centre)
        layers = [each._replace(boxes=_moved(each.boxes, crop.centre)) for each in crop.layers]
        draw_contents(axes, points, layers, _REACH_M, 0.5)
        axes.set(xlim=(-_REACH_M, _REACH_M), ylim=(-_REACH_M, _REACH_M), aspect="equal")
        axes.set(xticks=[], yticks=[])
        axes.set_title(undecorated(crop.title), fontsize=8)
    figure.savefig(path, dpi=100)


def _moved(rows: Tensor, centre: tuple[float, float]) -> Tensor:
    """The rows ``[N, 2+]``, x and y first, with the centre at 0."""
    moved = rows.clone()
    moved[:, :2] -= rows.new_tensor(centre)
    return moved
