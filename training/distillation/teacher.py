"""Load the network that a run learns from."""

from pathlib import Path
from typing import NamedTuple

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.families import AnyModel, AnyModelConfig
from training.config.area import Area, area_of, over_area, rebuild


class Teacher(NamedTuple):
    """A network, in evaluation mode, and its config over the area that it looks at."""

    model: AnyModel
    config: AnyModelConfig


def load_teacher(path: Path, area_m: Area | None = None) -> Teacher:
    """Read a checkpoint; its network looks at an area, or at its own where None.

    A network on raw points looks at its own range in any case. Raises ``ValueError`` for a
    checkpoint that cannot be read, and as ``training.config.area.over_area`` does.
    """
    model, config, _ = load_checkpoint(path)
    if isinstance(config, ModelConfig) and area_m is not None and area_m != area_of(config):
        config = over_area(config, area_m)
        model = rebuild(model, config).eval()
    return Teacher(model, config)
