"""Costs of detectors as a picture: where the time goes, beside what is computed."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.cost.measure import Profile

_BAR_INCHES = 0.32
_TITLES = ("latency (ms), by stage", "multiply-adds (1e9)", "parameters (1e6)", "peak memory (MB)")
_LABEL_ROOM = 1.22  # how much further than the longest bar an axis goes

Part = tuple[str, list[float]]  # of each bar: what it is, and how long


def draw_costs(path: Path, profiles: Sequence[Profile]) -> None:
    """Draw one bar for each detector, at least one, in each panel; the suffix says the format."""
    figure = Figure(figsize=(15, 1.6 + _BAR_INCHES * len(profiles)), layout="constrained")
    panels = figure.subplots(1, 4, sharey=True, width_ratios=(3, 2, 1.2, 1.2))
    parts = (_stages(profiles), _multiply_adds(profiles), _parameters(profiles), _memory(profiles))
    for axes, title, stack in zip(panels, _TITLES, parts, strict=True):
        _draw_bars(axes, stack)
        axes.set_title(title, fontsize=10)
    panels[0].set_yticks(range(len(profiles)), [profile.name for profile in profiles])
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


def _draw_bars(axes: Axes, stack: Sequence[Part]) -> None:
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
