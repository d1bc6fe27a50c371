"""Requirements that several methods share; each yields a line per reason why one cannot work."""

from collections.abc import Iterator
from typing import Any

from pd_ros.detection.bev.decode_center import tells_direction
from pd_ros.detection.config.bev import ModelConfig
from training.distillation.method import BevPair, MethodUse

BevUse = MethodUse[Any, BevPair]


def two_center_heads(use: BevUse) -> Iterator[str]:
    """Both heads find centres."""
    if not _both(use, "center"):
        yield (
            f"{use.name}: expected heads that find centres, got {_kinds(use)}; for anchor heads"
            " take anchor_logit and anchor_regression"
        )


def two_anchor_heads(use: BevUse) -> Iterator[str]:
    """Both heads have anchors, as many in a cell."""
    if any(network.head.kind == "center" for network in use.pair):
        yield (
            f"{use.name}: expected two heads with anchors, got {_kinds(use)}; for heads that find"
            " centres take logit and regression"
        )
    yield from same_anchors(use)


def same_anchors(use: BevUse) -> Iterator[str]:
    """Both heads have as many anchors in a cell, maybe none."""
    student, teacher = (_anchors(network) for network in use.pair)
    if student != teacher:
        yield (
            f"{use.name}: expected heads of one kind with as many anchors, got {_kinds(use)} with"
            f" {student} and {teacher} anchors in a cell; remove it or change a network"
        )


def same_boxes(use: BevUse) -> Iterator[str]:
    """Both heads write boxes by the same values."""
    student, teacher = (tells_direction(network) for network in use.pair)
    if student != teacher:
        yield (
            f"{use.name}: the heads write boxes differently, head.direction is {student} of the"
            f" student and {teacher} of the teacher; remove it or change a network"
        )
    mine, theirs = (_boxes_of_a_cell(network) for network in use.pair)
    if _both(use, "center") and mine != theirs:
        yield (
            f"{use.name}: the heads write other boxes, {mine} of the student and {theirs} of"
            " the teacher; remove it or choose another teacher"
        )


def same_map_sizes(use: BevUse) -> Iterator[str]:
    """The maps that the heads look at have the same rows and columns."""
    student, teacher = (head_map_sizes(network) for network in use.pair)
    if student != teacher:
        yield (
            f"{use.name}: expected head maps of the same size, got {student} and {teacher} cells"
            " (student, teacher); remove it"
        )


def same_stages(use: BevUse) -> Iterator[str]:
    """The backbones have as many stages."""
    student, teacher = (len(network.backbone.widths) for network in use.pair)
    if student != teacher:
        yield (
            f"{use.name}: the backbones have {student} and {teacher} stages (student,"
            " teacher); take `tap: neck` or another method"
        )


def same_tapped_stages(use: BevUse) -> Iterator[str]:
    """The same, of a method that can look at the neck instead."""
    if use.config.tap == "stages":
        yield from same_stages(use)


def head_map_sizes(network: ModelConfig) -> list[tuple[int, int]]:
    """Rows and columns of each map that the head looks at, finest first."""
    rows, columns = network.grid.size
    return [(rows // stride, columns // stride) for stride in network.level_strides]


def most_levels(use: BevUse) -> int:
    """Maps that a head looks at: 1, or a pyramid's levels, of the network that has more."""
    return max(len(network.level_strides) for network in use.pair)


def _both(use: BevUse, kind: str) -> bool:
    return all(network.head.kind == kind for network in use.pair)


def _anchors(network: ModelConfig) -> int:
    return network.head.per_cell if network.head.kind == "anchors" else 0


def _boxes_of_a_cell(network: ModelConfig) -> str:
    return f"{len(network.class_groups)} x {network.box_values} values"


def _kinds(use: BevUse) -> str:
    student, teacher = (network.head.kind for network in use.pair)
    return f"{student} (student) and {teacher} (teacher)"
