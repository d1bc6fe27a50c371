"""Save pictures from above: one cloud large and others small, or clouds side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pd_ros.evaluation.plots.birdseye import draw_birdseye, legend_handles, reach_m
from pd_ros.evaluation.plots.displayable import undecorated
from pd_ros.evaluation.plots.figure import new_figure
from pd_ros.evaluation.plots.layers import BirdseyePanel, box_layers, headline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.gridspec import SubplotSpec

_SIZE_INCHES = (12.0, 8.6)
_STRIP_COLUMNS, _STRIP_ROWS = 2, 3
_SIDE_INCHES = 6.0
_DPI = 120


def save_birdseye(path: Path, panels: Sequence[BirdseyePanel], title: str) -> None:
    """Save a picture of the cloud with the most objects, and small ones of up to six others.

    The format is the file's suffix. Raises ``ValueError`` for no panels.
    """
    _refuse_none(path, panels)
    main = max(panels, key=lambda panel: panel.objects)
    others = [panel for panel in panels if panel.title != main.title]
    others = others[: _STRIP_COLUMNS * _STRIP_ROWS]
    figure = new_figure(*_SIZE_INCHES)
    figure.suptitle(undecorated(headline(box_layers(main))), fontsize=20, fontweight="bold")
    grid = figure.add_gridspec(1, 2, width_ratios=(2.1, 1))
    axes = figure.add_subplot(grid[0])
    draw_birdseye(axes, main, reach_m(main))
    axes.set_xlabel(
        undecorated(f"{title}\ncloud {main.title}, seen from above; the vehicle drives up"),
        fontsize=10, color="#4b5563", wrap=True,
    )  # fmt: skip
    _draw_side(figure, grid[1], main, others)
    figure.savefig(path, dpi=_DPI)


def save_side_by_side(path: Path, panels: Sequence[BirdseyePanel]) -> None:
    """Save panels of equal size and range, as of one cloud by several models; at least one."""
    _refuse_none(path, panels)
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(columns * _SIDE_INCHES, rows * _SIDE_INCHES)
    range_m = max(reach_m(panel) for panel in panels)
    for number, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, columns, number)
        draw_birdseye(axes, panel, range_m, 0.8)
        axes.set_title(undecorated(panel.title))
        axes.legend(handles=legend_handles(box_layers(panel)), loc="upper right", fontsize=8)
    figure.savefig(path, dpi=_DPI)


def _draw_side(
    figure: "Figure", place: "SubplotSpec", main: BirdseyePanel, others: Sequence[BirdseyePanel]
) -> None:
    """Draw the legend of the large cloud, and below it the small ones."""
    grid = place.subgridspec(2, 1, height_ratios=(1, 4))
    axes = figure.add_subplot(grid[0])
    axes.axis("off")
    axes.legend(
        handles=legend_handles(box_layers(main)), loc="upper left", fontsize=12, frameon=False,
        borderaxespad=0, handlelength=1.6, labelspacing=0.6,
    )  # fmt: skip
    cells = grid[1].subgridspec(_STRIP_ROWS, _STRIP_COLUMNS)
    for number, panel in enumerate(others):
        _draw_small(figure.add_subplot(cells[divmod(number, _STRIP_COLUMNS)]), panel)


def _draw_small(axes: "Axes", panel: BirdseyePanel) -> None:
    draw_birdseye(axes, panel, reach_m(panel), 0.5)
    said = headline(box_layers(panel)).replace(", ", "\n", 1)
    axes.set_title(undecorated(said), fontsize=9)
    axes.set_xlabel(undecorated(panel.title), fontsize=7, color="#6b7280")


def _refuse_none(path: Path, panels: Sequence[BirdseyePanel]) -> None:
    if not panels:
        raise ValueError(f"{path}: expected at least one cloud to draw, got none")
