"""Charts of accuracy and latency: precision over recall, bars by distance, shares by time."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pd_ros.evaluation.curves import CurvePanel
from pd_ros.evaluation.plots.displayable import undecorated
from pd_ros.evaluation.plots.figure import new_figure


class BarPanel(NamedTuple):
    """What one pair of axes shows: a bar for each model in each of R groups."""

    title: str
    groups: Sequence[str]  # [R]
    bars: Mapping[str, Sequence[float]]  # by model, [R] each, in percent; NaN: nothing to measure


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


def save_bars(path: Path, panels: Sequence[BarPanel], label: str) -> None:
    """Save panels, at least one, beside each other; ``label`` says what the percent are of."""
    figure = new_figure(3.4 * len(panels), 2.9)
    for number, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), number)
        places = np.arange(len(panel.groups))
        width = 0.8 / len(panel.bars)
        for index, (name, values) in enumerate(panel.bars.items()):
            offset = (index - (len(panel.bars) - 1) / 2) * width
            bars = axes.bar(places + offset, values, 0.92 * width, label=undecorated(name))
            axes.bar_label(bars, fmt=_bar_text, fontsize=7)
        axes.set(title=undecorated(panel.title), ylim=(0, 109))
        axes.set(xticks=places, ylabel=f"{label} [%]")
        axes.set_xlim(-0.5, len(places) - 0.5)  # groups without bars, too
        axes.set_xticklabels(panel.groups, fontsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        if number == 1 and len(panel.bars) > 1:
            axes.legend(fontsize=7)
    figure.savefig(path, dpi=130)


def save_latency(path: Path, latency_ms: Mapping[str, Sequence[float]]) -> None:
    """Save which share of the clouds takes at most how long, for each model; none draw no line."""
    figure = new_figure(6.4, 3.0)
    axes = figure.add_subplot()
    for name, values in latency_ms.items():
        rising = np.sort(np.array(values))
        share = 100 * np.arange(1, len(rising) + 1) / max(len(rising), 1)
        axes.step(rising, share, where="post", label=undecorated(name))
    axes.set(xlabel="latency [ms]", ylabel="clouds answered by then [%]", ylim=(0, 102))
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, loc="lower right")
    figure.savefig(path, dpi=130)


def _bar_text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.0f}"
