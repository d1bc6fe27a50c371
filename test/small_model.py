"""A network small enough for tests: 16 x 16 pillars of 1 m."""

from pd_ros.detection.config import ModelConfig, parse_config

SMALL = {
    "name": "small",
    "classes": ["car", "pedestrian"],
    "grid": {"range_m": [-8.0, -8.0, -3.0, 8.0, 8.0, 1.0], "pillar_size_m": [1.0, 1.0]},
    "encoder": {"widths": [8, 8]},
    "backbone": {"widths": [8, 16], "layers": [1, 1], "strides": [1, 2]},
    "neck": {"widths": [8, 8], "strides": [1, 2]},
    "head": {"width": 8},
}


def small_config(**changes: object) -> ModelConfig:
    return parse_config({**SMALL, **changes}, ModelConfig, "small")
