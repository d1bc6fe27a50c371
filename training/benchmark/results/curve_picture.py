"""Pictures of curves: AP of each row over its steps, and of teachers over their epochs."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pd_ros.evaluation.plots.displayable import undecorated
from training.benchmark.results.curves import BudgetPoint, EpochPoint

_MARKERS = "oDvPX<>hp"
_FEWEST = 2  # budgets that make a curve


def draw_curves(path: Path, points: Sequence[BudgetPoint]) -> None:
    """AP over all steps that a student's weights go back to, its teacher's among them.

    A row for each pair, a column for each source and measure; rows of one budget are dots.
    """
    pairs = list(dict.fromkeys(point.pair for point in points))
    columns = list(dict.fromkeys((point.source, point.measure) for point in points))
    figure, panels = _panels(pairs, columns)
    for axes, (pair, (source, measure)) in panels:
        here = [p for p in points if (p.pair, p.source, p.measure) == (pair, source, measure)]
        _budgets(axes, here)
        axes.set_title(undecorated(f"{pair}, {source}"), fontsize=10)
        axes.set_ylabel(f"AP of cars (%), {measure}")
        axes.set_xlabel("steps, the teacher's among them")
    _save(figure, path)


def _budgets(axes: Axes, points: Sequence[BudgetPoint]) -> None:
    for place, name in enumerate(dict.fromkeys(point.method for point in points)):
        own = sorted((p for p in points if p.method == name), key=lambda point: point.steps)
        color = "0.4" if place == 0 else f"C{place % 10}"
        axes.errorbar(
            [p.steps + p.teacher_steps for p in own],
            [p.ap.mean for p in own],
            yerr=[p.ap.deviation or 0.0 for p in own], label=undecorated(name), capsize=2,
            linestyle="-" if len(own) >= _FEWEST else "none", markersize=4,
            marker=_MARKERS[place % len(_MARKERS)], color=color,
        )  # fmt: skip
    axes.set_xscale("log")


def draw_teachers(path: Path, points: Sequence[EpochPoint]) -> None:
    """Validation AP of teachers over their steps: a row for each pair, a column a figure."""
    pairs = list(dict.fromkeys(point.pair for point in points))
    figures = list(dict.fromkeys((point.figure, "") for point in points))
    figure, panels = _panels(pairs, figures)
    for axes, (pair, (name, _)) in panels:
        here = [point for point in points if (point.pair, point.figure) == (pair, name)]
        for teacher in dict.fromkeys(point.teacher for point in here):
            own = [point for point in here if point.teacher == teacher]
            axes.plot([p.steps for p in own], [p.value for p in own], ".-", label=teacher)
        axes.set_title(undecorated(f"{pair}: {name}"), fontsize=10)
        axes.set_xlabel("steps")
        axes.set_ylabel("AP (%)")
    _save(figure, path)


_Panel = tuple[Axes, tuple[str, tuple[str, str]]]


def _panels(
    rows: Sequence[str], columns: Sequence[tuple[str, str]]
) -> tuple[Figure, list[_Panel]]:
    """A figure with axes for each row and column; of no rows none."""
    size = (4.5 * max(len(columns), 1) + 2.0, 3.6 * max(len(rows), 1))
    figure = Figure(figsize=size, layout="constrained")
    if not rows:
        return figure, []
    axes = figure.subplots(len(rows), len(columns), squeeze=False)
    places = [(row, column) for row in rows for column in columns]
    return figure, list(zip(axes.flat, places, strict=True))


def _save(figure: Figure, path: Path) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7)
    figure.savefig(path, dpi=100)
