"""The network that a run learns from, and the kind of network that distillation knows."""

from pathlib import Path
from typing import NamedTuple

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.model import BevDetector
from pd_ros.detection.model_config import AnyModelConfig
from training.crop import Area, area_of, over_area, rebuild


class Teacher(NamedTuple):
    """A network, in evaluation mode, and its config over the area that it looks at."""

    model: BevDetector
    config: ModelConfig


def load_teacher(path: Path, area_m: Area | None = None) -> Teacher:
    """Read a checkpoint; its network looks at an area, or at its own where None.

    Raises ``ValueError`` for a checkpoint that cannot be read, and as :func:`seen_from_above` and
    ``training.crop.over_area`` do.
    """
    model, config, _ = load_checkpoint(path)
    config = seen_from_above(config)
    if area_m is not None and area_m != area_of(config):
        config = over_area(config, area_m)
        model = rebuild(model, config).eval()
    assert isinstance(model, BevDetector)
    return Teacher(model, config)


def seen_from_above(network: AnyModelConfig) -> ModelConfig:
    """The same config; ``ValueError`` for a network on raw points."""
    if not isinstance(network, ModelConfig):
        raise ValueError(
            f"distill: networks on raw points, like {network.name}, cannot be distilled yet;"
            " train it without, or choose networks that look from above"
        )
    return network
