"""The classes of the labelled ``.npz`` sweeps."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

LABELLED = "labelled"  # an array that is only there, and false, where nobody labelled a sweep
# The files' class numbers, in the order of these names.
CLASSES = ("car", "pedestrian", "cyclist")


def class_numbers(column: NDArray[Any]) -> list[int]:
    """Numbers of the objects ``[M]`` from a file's ``cls``; -1 for those of no class of ours.

    Raises ``ValueError`` for what are no whole numbers.
    """
    flat = column.ravel()
    if flat.dtype.kind not in "iuf" or not np.array_equal(flat, np.round(flat)):
        raise ValueError(f"cls: expected whole numbers, got {flat.dtype} {flat[:3].tolist()}")
    known = range(len(CLASSES))
    return [int(number) if number in known else -1 for number in flat.tolist()]


def name_classes(numbers: Iterable[int]) -> tuple[str, ...]:
    """Return the names of class numbers; "" for -1."""
    return tuple(CLASSES[number] if number >= 0 else "" for number in numbers)
