"""Bars of several parts each, with their lengths as numbers."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pd_ros.benchmark.run import NetworkTimes
from pd_ros.benchmark.timing import percentiles
from pd_ros.evaluation.plots.displayable import undecorated

_LABEL_ROOM = 1.22  # how much further than the longest bar an axis goes

Part = tuple[str, list[float]]  # of each bar: what it is, and how long


def draw_bars(axes: Axes, stack: Sequence[Part]) -> None:
    """Draw parts of each bar one after the other, and its whole length as a number."""
    ends = [0.0] * len(stack[0][1])
    for name, lengths in stack:
        colour = None if len(stack) > 1 else "0.6"
        axes.barh(range(len(ends)), lengths, left=ends, color=colour, label=name.replace("_", " "))
        ends = [end + length for end, length in zip(ends, lengths, strict=True)]
    for place, end in enumerate(ends):
        axes.text(
            end, place, f" {end:.3g}" if end < 100 else f" {end:.0f}", va="center", fontsize=8
        )
    axes.set_xlim(0, max(ends) * _LABEL_ROOM or 1)
    if len(stack) > 1:
        axes.legend(
            fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.05), ncols=3, frameon=False
        )
    axes.spines[["top", "right"]].set_visible(False)


_BAR_INCHES = 0.32


def draw_benchmark(path: Path, results: Sequence[NetworkTimes], machine: str) -> None:
    """Draw one bar for each path of each setting; the suffix says the format.

    Where two models or more have recorded the same score, a second panel shows it over latency.
    """
    score = _shared_score(results)
    bars = sum(len(result.paths) for result in results)
    size = (14 if score else 9, 1.6 + _BAR_INCHES * max(bars, 6))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, 2 if score else 1, squeeze=False)[0]
    draw_bars(panels[0], _stages(results))
    panels[0].set_yticks(range(bars), [name for result in results for name in _names(result)])
    panels[0].invert_yaxis()
    panels[0].set_title("latency (median ms), by stage", fontsize=10)
    if score:
        _draw_accuracy(panels[1], results, score)
    figure.suptitle(machine)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def _names(result: NetworkTimes) -> list[str]:
    where = f"{result.threads} thr." if result.device == "cpu" else result.device
    return [undecorated(f"{result.model}, {where}, {name}") for name in result.paths]


def _stages(results: Sequence[NetworkTimes]) -> list[Part]:
    times = [
        {name: percentiles(stage)["p50"] for name, stage in path.times.stages.items()}
        for result in results
        for path in result.paths.values()
    ]
    names = dict.fromkeys(name for stages in times for name in stages)
    return [(name, [stages.get(name, 0.0) for stages in times]) for name in names]


def _shared_score(results: Sequence[NetworkTimes]) -> str | None:
    """The first score that two models or more have recorded."""
    owners: dict[str, set[str]] = {}
    for result in results:
        for key in result.accuracy:
            owners.setdefault(key, set()).add(result.model)
    return next((key for key, models in owners.items() if len(models) > 1), None)


def _draw_accuracy(axes: Axes, results: Sequence[NetworkTimes], score: str) -> None:
    for result in results:
        if score not in result.accuracy:
            continue
        for name, path in result.paths.items():
            latency, accuracy = percentiles(path.times.whole)["p50"], result.accuracy[score]
            axes.plot(latency, accuracy, "o" if name == "fast" else "x", color="0.3")
            label = f" {result.model}, {name}, {result.threads} thr."
            axes.annotate(undecorated(label), (latency, accuracy), fontsize=7, rotation=30)
    axes.set_xlabel("median ms from message to message")
    axes.set_ylabel("AP (%)")
    axes.set_title(undecorated(score), fontsize=10)
