"""Names of labels: those that no class of a model has, and those of the ``.npz`` sweeps."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pd_ros.recordings.detections import NamedBoxes

LABELLED = "labelled"  # an array that is only there, and false, where nobody labelled a sweep
# The files' class numbers, in the order of these names.
CLASSES = ("car", "pedestrian", "cyclist")


def names_of(truth: Iterable[NamedBoxes]) -> Counter[str]:
    """Return how many labels have each name, in all of some frames."""
    return Counter(name for boxes in truth for name in boxes.names)


def unknown_names(counts: Mapping[str, int], classes: Sequence[str]) -> dict[str, int]:
    """Names of no class with their counts, the most frequent first; upper case is lower case."""
    known = {name.lower() for name in classes}
    unknown = {name: count for name, count in counts.items() if name.lower() not in known}
    return dict(sorted(unknown.items(), key=lambda item: (-item[1], item[0])))


def describe_unknown(unknown: Mapping[str, int], classes: Sequence[str]) -> str:
    """Return the names of no class for readers, on one line."""
    listed = ", ".join(f"{_quoted(name)} ({count})" for name, count in unknown.items())
    known = ", ".join(classes)
    return f"labels of no class of the model ({known}), which are not asked for: {listed}"


def refuse_all_unknown(counts: Mapping[str, int], classes: Sequence[str]) -> None:
    """Raise ``ValueError`` if no label has the name of a class, though some have a name.

    Nothing could be measured by them. Labels without any name only say what is not asked for.
    """
    unknown = unknown_names(counts, classes)
    if any(unknown) and len(unknown) == len(counts):
        raise ValueError(
            f"labels: expected some of the model's classes, got none:"
            f" {describe_unknown(unknown, classes)}; give labels with the names of classes"
            " (class_id: car), or choose another model"
        )


def _quoted(name: str) -> str:
    return ascii(name) if name else "without a name"


def label_map(own: Sequence[str], classes: Sequence[str]) -> torch.Tensor:
    """For each of a model's own classes its number in ``classes``, -1 if it is none of them.

    Upper and lower case are the same.
    """
    index = {name.lower(): number for number, name in enumerate(classes)}
    return torch.tensor([index.get(name.lower(), -1) for name in own], dtype=torch.int64)


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
