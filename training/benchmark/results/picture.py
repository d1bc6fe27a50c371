"""A suite's results as pictures: accuracy against multiply-adds, gain of each method."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pd_ros.evaluation.plots.displayable import undecorated
from training.benchmark.jobs.job import JobResult
from training.benchmark.mean_std import mean_ap
from training.benchmark.results.summary import MethodStanding, PairStanding
from training.benchmark.suite import PLAIN, SuiteConfig

_MARKERS = "oDvPX<>hp"
_BAR_INCHES = 0.34


def draw_accuracy(path: Path, suite: SuiteConfig, pairs: Sequence[PairStanding]) -> None:
    """Accuracy of teacher and students over GMACs: a row for each pair, a column for each source.

    Students of a pair compute the same; they are drawn side by side to be told apart.
    """
    figure = Figure(figsize=(5.5 * len(suite.test) + 2.5, 3.8 * len(pairs)), layout="constrained")
    panels = figure.subplots(len(pairs), len(suite.test), squeeze=False)
    for axes, (pair, source) in zip(panels.flat, product(pairs, suite.test), strict=True):
        _accuracy(axes, suite, pair, source)
    for row in panels:
        handles, labels = row[-1].get_legend_handles_labels()
        if handles:
            row[-1].legend(handles, labels, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=100)


def _accuracy(axes: Axes, suite: SuiteConfig, pair: PairStanding, source: str) -> None:
    if pair.teacher is not None:
        score = mean_ap(pair.teacher.scores[source][f"bev_{suite.overlap}"])
        axes.plot(_gmacs(pair.teacher), score, "k*", markersize=12, label="teacher")
    shown = [method for method in pair.methods if method.results]
    for place, method in enumerate(shown):
        spread = method.spread(source, suite.overlap)
        assert spread is not None
        middle = _gmacs(next(iter(method.results.values())))
        apart = 1.02 ** (place - (len(shown) - 1) / 2)
        axes.errorbar(
            middle * apart, spread.mean, yerr=spread.deviation or 0.0,
            label=undecorated(method.name),
            marker=_MARKERS[place % len(_MARKERS)], linestyle="none", capsize=2, markersize=5,
            color="0.4" if place == 0 else f"C{(place - 1) % 10}",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlabel("GMACs")
    axes.set_ylabel(f"BEV mAP (%), {suite.overlap}")
    axes.set_title(undecorated(f"{pair.config.name}, {source}"), fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def _gmacs(result: JobResult) -> float:
    return result.gmacs + result.sparse_gmacs


def draw_gains(path: Path, suite: SuiteConfig, pairs: Sequence[PairStanding]) -> None:
    """Mean gain of each method as a bar, standard deviation over seeds, and each seed as a dot."""
    heights = [len(_taught(pair)) for pair in pairs]
    size = (5.0 * len(suite.test) + 2, _BAR_INCHES * sum(heights) + 1.2 * len(pairs))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(
        len(pairs), len(suite.test), squeeze=False, sharey="row", height_ratios=heights
    )
    for axes, (pair, source) in zip(panels.flat, product(pairs, suite.test), strict=True):
        _gains(axes, suite, pair, source)
    for row in panels:
        row[0].invert_yaxis()
    figure.savefig(path, dpi=100)


def _taught(pair: PairStanding) -> list[MethodStanding]:
    return [method for method in pair.methods if method.method != PLAIN]


def _gains(axes: Axes, suite: SuiteConfig, pair: PairStanding, source: str) -> None:
    methods = _taught(pair)
    for place, method in enumerate(methods):
        gain = pair.gain(method, source, suite.overlap)
        if gain is None:
            continue
        axes.barh(place, gain.mean, color="C0" if gain.mean >= 0 else "C3", alpha=0.6)
        axes.errorbar(gain.mean, place, xerr=gain.deviation or 0.0, color="0.2", capsize=3)
        axes.plot(gain.values, [place] * len(gain.values), ".", color="0.2", markersize=4)
    axes.axvline(0, color="0.2", linewidth=0.8)
    axes.set_yticks(range(len(methods)), [undecorated(method.name) for method in methods])
    axes.set_ylim(-0.6, len(methods) - 0.4)
    axes.set_xlabel(f"gain in BEV mAP (points), {suite.overlap}")
    axes.set_title(undecorated(f"{pair.config.name}, {source}"), fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
