"""A network small enough for tests: 16 x 16 pillars of 1 m."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.config.base import parse_config
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.point_rcnn import PointRcnnConfig
from pd_ros.detection.families import build_model

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


ANCHORS = {
    "kind": "anchors",
    "anchors": [
        {"size_m": [3, 2, 1.5], "bottom_m": -1.7, "matched_iou": 0.6, "unmatched_iou": 0.45},
        {"size_m": [0.8, 0.6, 1.7], "bottom_m": -1.7, "matched_iou": 0.5, "unmatched_iou": 0.35},
    ],
}


DIRECTED = {"width": 8, "direction": True, "quality": 0.5}


def small_directed_config(**changes: object) -> ModelConfig:
    """The same network with a head that tells directions and qualities."""
    return small_config(name="small_directed", head=DIRECTED, **changes)


def small_anchor_config(**changes: object) -> ModelConfig:
    """The same network with an anchor head."""
    return small_config(name="small_anchors", head=ANCHORS, **changes)


PYRAMID = {
    **SMALL,
    "name": "small_pyramid",
    "neck": {"kind": "pyramid", "width": 8},
    "head": {
        "kind": "anchors",
        "anchors": [
            {"size_m": [3, 2, 1.5], "bottom_m": -1.7, "matched_iou": 0.6, "unmatched_iou": 0.3},
            {"size_m": [1, 1, 1.5], "bottom_m": -1.7, "matched_iou": 0.6, "unmatched_iou": 0.3},
        ],
        "class_free": True,
        "nearest_iou": 0.3,
        "at_cell_centres": True,
        "velocity": True,
    },
}


def small_pyramid_config(**changes: object) -> ModelConfig:
    """A network of two levels, 16 x 16 and 8 x 8 cells, with anchors of no class."""
    return parse_config({**PYRAMID, **changes}, ModelConfig, "small_pyramid")


def small_grouped_config(**changes: object) -> ModelConfig:
    """The same network with a head of two groups of classes, whose boxes move."""
    return small_config(
        name="small_grouped",
        classes=["car", "truck", "pedestrian"],
        groups=[["pedestrian"], ["truck", "car"]],
        head={"width": 8, "velocity": True},
        **changes,
    )


# Pillars with every kind of head.
PILLAR_CONFIGS = [
    small_config,
    small_directed_config,
    small_anchor_config,
    small_pyramid_config,
    small_grouped_config,
]


VOXELS = {
    **SMALL,
    "name": "small_voxels",
    "grid": {**SMALL["grid"], "pillar_size_m": [0.25, 0.25], "voxel_height_m": 0.1},
    "encoder": {
        "kind": "sparse",
        "stem": 8,
        "widths": [8, 8, 16, 16],
        "layers": [1, 1, 1, 1],
        "out": 16,
        "residual": True,
    },
    "neck": {"widths": [8, 8], "strides": [2, 4]},
}
SECOND = {**VOXELS, "encoder": {**VOXELS["encoder"], "residual": False}, "head": ANCHORS}


def small_voxel_config(residual: bool) -> ModelConfig:
    """A network of voxels with the same head: 32 x 32 x 40 voxels, a canvas of 4 x 4."""
    grid = {**SMALL["grid"], "pillar_size_m": [0.5, 0.5], "voxel_height_m": 0.1}
    layers = [1, 1, 1, 1]
    encoder = {"kind": "sparse", "stem": 4, "widths": [4, 8, 8, 8], "layers": layers, "out": 8}
    return small_config(name="small_voxels", grid=grid, encoder={**encoder, "residual": residual})


SMALL_POINTS = {
    "kind": "point_rcnn",
    "name": "small_points",
    "classes": ["car", "pedestrian"],
    "range_m": [-8, -8, -3, 8, 8, 1],
    "points": 128,
    "sizes_m": [[3, 2, 1.5], [0.8, 0.6, 1.7]],
    "abstraction": [
        {"points": 32, "radii_m": [0.5, 1], "neighbours": [4, 8], "widths": [[4, 8], [4, 8]]},
        {"points": 8, "radii_m": [2], "neighbours": [8], "widths": [[8, 16]]},
    ],
    "propagation": [[16, 16], [16, 16]],
    "head": [16],
    "refinement": {
        "points": 16,
        "embedding": [8, 16],
        "abstraction": [{"points": 4, "radii_m": [1], "neighbours": [4], "widths": [[16, 16]]}],
        "last": [16],
        "head": [16],
    },
}


def small_point_config(**changes: object) -> PointRcnnConfig:
    """A PointRCNN of 128 points."""
    return parse_config({**SMALL_POINTS, **changes}, PointRcnnConfig, "small")


def write_hostile(source: Path, path: Path, config: object) -> Path:
    """The weights of a checkpoint with another config: text as it is, else as JSON."""
    text = config if isinstance(config, str) else json.dumps(config)
    metadata = {"format": "pd_ros", "version": "1", "config": text, "training": "{}"}
    save_file(load_file(source), path, metadata)
    return path


HUGE = {"range_m": [-800, -800, -3, 800, 800, 1], "pillar_size_m": [0.05, 0.05]}
HOSTILE = {  # a config, and what is said about it
    "a grid of 250 GB": ({**SMALL, "grid": HUGE}, "grid: the maps of 32000 x 32000 cells take"),
    "100,000 brackets": ("[" * 100_000, "its metadata is damaged (config: "),
    "channels": ({**SMALL, "head": {"width": 10**12}}, "head.width: "),
    "a line break": (
        {**SMALL, "classes": ["car\nERROR", "bus"]},
        "classes.0: a name of printable",
    ),
    "a long class": ({**SMALL, "classes": ["c" * 10**6, "bus"]}, "classes.0: a name has 1 to"),
}


def enlarge(model: torch.nn.Module) -> None:
    """Make features so large that large weights of the next layer overflow."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.bias, 5)


def save_overflowing_model(folder: Path) -> Path:
    """Write a network of finite weights, with which its answers are infinite."""
    torch.manual_seed(3)
    config = small_config(name="overflowing")
    model = build_model(config)
    enlarge(model)
    final = model.dense.head.heatmap[-1]
    assert isinstance(final, torch.nn.Conv2d)
    torch.nn.init.constant_(final.weight, 3e38)
    path = folder / "overflowing.safetensors"
    save_checkpoint(path, model, config, {})
    return path


def save_eager_model(folder: Path, config: ModelConfig | None = None) -> Path:
    """Write an untrained network whose scores lie about 0.5: it finds boxes everywhere."""
    torch.manual_seed(3)
    config = config or small_config()
    model = build_model(config)
    bias = model.dense.head.heatmap[-1].bias
    assert isinstance(bias, torch.Tensor)
    torch.nn.init.zeros_(bias)
    path = folder / "small.safetensors"
    save_checkpoint(path, model, config, {})
    return path
