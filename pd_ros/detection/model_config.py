"""The configs of all kinds of networks, told apart by their ``kind``."""

import reprlib
from pathlib import Path

from pd_ros.detection.config import ModelConfig
from pd_ros.detection.frozen_config import parse_config, read_yaml
from pd_ros.detection.point_config import PointRcnnConfig

AnyModelConfig = ModelConfig | PointRcnnConfig


def load_model_config(path: Path) -> AnyModelConfig:
    """Read and check the YAML of a network; ``ValueError`` as from ``load_config``."""
    return parse_model_config(read_yaml(path), str(path))


def parse_model_config(content: object, where: str) -> AnyModelConfig:
    """Check already loaded content; without ``kind`` it is a network that looks from above."""
    kind = content.get("kind") if isinstance(content, dict) else None
    if kind is None:
        return parse_config(content, ModelConfig, where)
    if kind == "point_rcnn":
        return parse_config(content, PointRcnnConfig, where)
    raise ValueError(
        f"{where}: kind: expected point_rcnn, or no kind for a network that looks from above (got"
        f" {reprlib.repr(kind)})"
    )
