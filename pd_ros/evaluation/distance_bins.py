"""Ranges of distance from the sensor, as reports divide them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # nodes read the names before torch, which takes a second to import
    from torch import Tensor

# Where the ranges begin, seen from above; the last one has no end.
STARTS_M = (0.0, 20.0, 40.0)
NAMES = ("0-20 m", "20-40 m", "over 40 m")


def limits_m(number: int) -> tuple[float, float]:
    """Where a range begins (included) and ends (not included)."""
    ends = (*STARTS_M[1:], float("inf"))
    return STARTS_M[number], ends[number]


def limits_by_name() -> dict[str, tuple[float, float]]:
    """Where each range begins and ends, by its name."""
    return {name: limits_m(number) for number, name in enumerate(NAMES)}


def distance_m(boxes: "Tensor") -> "Tensor":
    """How far the centres of boxes ``[M, 7]`` are from the sensor, seen from above: ``[M]``."""
    away_m: Tensor = boxes[:, :2].norm(dim=1)
    return away_m


def range_numbers(boxes: "Tensor") -> "Tensor":
    """Which range each of the boxes ``[M, 7]`` lies in: ``[M]`` int64."""
    starts = boxes.new_tensor(STARTS_M)
    return (distance_m(boxes)[:, None] >= starts).sum(dim=1) - 1
