"""A benchmark as a picture: where the time goes, and what accuracy it buys."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pd_ros.benchmark.bars import Part, draw_bars
from pd_ros.benchmark.interleave import percentiles
from pd_ros.benchmark.run import Result
from pd_ros.displayable import undecorated

_BAR_INCHES = 0.32


def draw_benchmark(path: Path, results: Sequence[Result], machine: str) -> None:
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


def _names(result: Result) -> list[str]:
    where = f"{result.threads} thr." if result.device == "cpu" else result.device
    return [undecorated(f"{result.model}, {where}, {name}") for name in result.paths]


def _stages(results: Sequence[Result]) -> list[Part]:
    times = [
        {name: percentiles(stage)["p50"] for name, stage in path.times.stages.items()}
        for result in results
        for path in result.paths.values()
    ]
    names = dict.fromkeys(name for stages in times for name in stages)
    return [(name, [stages.get(name, 0.0) for stages in times]) for name in names]


def _shared_score(results: Sequence[Result]) -> str | None:
    """The first score that two models or more have recorded."""
    owners: dict[str, set[str]] = {}
    for result in results:
        for key in result.accuracy:
            owners.setdefault(key, set()).add(result.model)
    return next((key for key, models in owners.items() if len(models) > 1), None)


def _draw_accuracy(axes: Axes, results: Sequence[Result], score: str) -> None:
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
