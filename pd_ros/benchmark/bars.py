"""Bars of several parts each, with their lengths as numbers."""

from collections.abc import Sequence

from matplotlib.axes import Axes

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
