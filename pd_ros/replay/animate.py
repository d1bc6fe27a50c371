"""Open the animation that a replay draws, where one is asked for."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from pd_ros.detection.families import AnyModelConfig
from pd_ros.evaluation.plots.animation import DriveAnimation


def open_animation(
    path: Path | None, title: str, config: AnyModelConfig
) -> AbstractContextManager[DriveAnimation | None]:
    """Return the animation as far as a detector looks, from above; None without a path.

    Raises ``ValueError`` for a name that does not end in ``.webp``.
    """
    if path is None:
        return nullcontext()
    x_min, y_min, _, x_max, y_max, _ = config.range_m
    return DriveAnimation(path, max(map(abs, (x_min, y_min, x_max, y_max))), title)
