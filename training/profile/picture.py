"""Costs of detectors as a picture: where the time goes, beside what is computed."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from pd_ros.benchmark.figures import Part, draw_bars
from pd_ros.evaluation.plots.displayable import undecorated
from training.profile.measure import Profile

_BAR_INCHES = 0.32
_TITLES = ("latency (ms), by stage", "multiply-adds (1e9)", "parameters (1e6)", "peak memory (MB)")


def draw_costs(path: Path, profiles: Sequence[Profile]) -> None:
    """Draw one bar for each detector, at least one, in each panel; the suffix says the format."""
    figure = Figure(figsize=(15, 1.6 + _BAR_INCHES * len(profiles)), layout="constrained")
    panels = figure.subplots(1, 4, sharey=True, width_ratios=(3, 2, 1.2, 1.2))
    parts = (_stages(profiles), _multiply_adds(profiles), _parameters(profiles), _memory(profiles))
    for axes, title, stack in zip(panels, _TITLES, parts, strict=True):
        draw_bars(axes, stack)
        axes.set_title(title, fontsize=10)
    names = [undecorated(profile.name) for profile in profiles]
    panels[0].set_yticks(range(len(profiles)), names)
    panels[0].invert_yaxis()
    first = profiles[0]
    figure.suptitle(f"{first.device}, {first.precision}; a sweep of {first.points:,} points")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def _stages(profiles: Sequence[Profile]) -> list[Part]:
    times = [{stage.name: stage.ms for stage in profile.latency.stages} for profile in profiles]
    names = dict.fromkeys(name for stages in times for name in stages)
    return [(name, [stages.get(name, 0.0) for stages in times]) for name in names]


def _multiply_adds(profiles: Sequence[Profile]) -> list[Part]:
    return [
        ("dense", [profile.operations.gmacs for profile in profiles]),
        ("sparse", [profile.operations.sparse_gmacs for profile in profiles]),
    ]


def _parameters(profiles: Sequence[Profile]) -> list[Part]:
    return [("all", [profile.parameters / 1e6 for profile in profiles])]


def _memory(profiles: Sequence[Profile]) -> list[Part]:
    return [("all", [profile.memory_mb or 0.0 for profile in profiles])]
