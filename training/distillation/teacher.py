"""Load the network that a run learns from."""

from pathlib import Path
from typing import NamedTuple

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.families import AnyModel, AnyModelConfig
from training.config.area import Area, over_area, rebuild


class Teacher(NamedTuple):
    """A network, in evaluation mode, and its config over the area that it looks at."""

    model: AnyModel
    config: AnyModelConfig


def load_teacher(path: Path, area_m: Area | None = None) -> Teacher:
    """Read a checkpoint; its network looks at an area, or at its own where None.

    A network on raw points looks at its own range in any case. Raises ``ValueError`` for a
    checkpoint that cannot be read, and as ``training.config.area.over_area`` does.
    """
    model, config, *_ = load_checkpoint(path)
    seen = over_area(config, area_m)
    if seen != config:
        model = rebuild(model, seen).eval()
    return Teacher(model, seen)
