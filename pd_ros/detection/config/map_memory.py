"""Estimate the memory that a config asks for, before any of it is taken.

A config comes with a checkpoint from anywhere: a grid of too many cells must be an error with a
name, not an allocation of hundreds of gigabytes.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pd_ros.detection.config.parts import AnchorHeadConfig, PyramidNeckConfig

if TYPE_CHECKING:  # their validators call this
    from pd_ros.detection.config.bev import ModelConfig
    from pd_ros.detection.config.point_rcnn import AbstractionConfig, PointRcnnConfig

_MOST_BYTES = 16e9  # for one cloud; what is published needs up to one gigabyte
_MOST_VOXELS = 2**31 - 1  # spconv counts them in 32 bits
_BYTES = 4  # of a value in fp32


def check_maps(config: "ModelConfig") -> None:
    """Raise ``ValueError`` where the maps of one cloud are too large for any machine of a car."""
    rows, columns = config.grid.size
    voxels = config.grid.layers * rows * columns
    if config.grid.layers > 1 and voxels > _MOST_VOXELS:
        raise ValueError(
            f"grid: {config.grid.layers} x {rows} x {columns} cells are {voxels:.2g}, more than"
            f" the {_MOST_VOXELS:.2g} that can be numbered; change grid.range_m or the sizes"
        )
    _check_bytes(
        _BYTES * sum(_map_values(config)),
        f"grid: the maps of {rows} x {columns} cells",
        "change grid.range_m, grid.pillar_size_m or the widths",
    )


def check_balls(config: "PointRcnnConfig") -> None:
    """Raise ``ValueError`` where the values at the points of one cloud are too many."""
    second = config.refinement
    first = sum(map(_level_values, config.abstraction))
    first += config.points * sum(map(sum, config.propagation))
    own = second.points * (sum(second.embedding) + sum(second.last))
    own += sum(map(_level_values, second.abstraction))
    own += 3 * config.points  # the proposal's frame of every point
    _check_bytes(
        _BYTES * (first + config.proposals.max_proposals * own),
        "points: the values of all balls of points",
        "change points, neighbours, widths or proposals.max_proposals",
    )


def _check_bytes(count: float, what: str, advice: str) -> None:
    if count > _MOST_BYTES:
        raise ValueError(
            f"{what} take about {count / 1e9:.3g} GB, more than the {_MOST_BYTES / 1e9:.0f} GB"
            f" that a network may take; {advice}"
        )


def _map_values(config: "ModelConfig") -> Iterable[int]:
    """Values of every map: canvas, stages, the neck's levels, the head's answers."""
    channels, rows, columns = config.canvas_shape
    yield channels * rows * columns
    stride = 1
    for width, step in zip(config.backbone.widths, config.backbone.strides, strict=True):
        stride *= step
        yield width * (rows // stride) * (columns // stride)
    neck = config.neck
    width = neck.width if isinstance(neck, PyramidNeckConfig) else sum(neck.widths)
    for level in config.level_strides:
        cells = (config.grid.size[0] // level) * (config.grid.size[1] // level)
        yield cells * (width + _answer_values(config))


def _answer_values(config: "ModelConfig") -> int:
    """Count the values of the head in a cell, its hidden layers included."""
    head, classes = config.head, len(config.classes)
    if isinstance(head, AnchorHeadConfig):
        # its anchors are kept, too
        return (head.shared or 0) + head.per_cell * (classes + 2 * head.box_values + 2)
    groups = len(config.class_groups)
    return (1 + 7 * groups) * head.width + classes + groups * (head.box_values + 3)


def _level_values(level: "AbstractionConfig") -> int:
    balls = zip(level.neighbours, level.widths, strict=True)
    return level.points * sum(count * sum(widths) for count, widths in balls)
