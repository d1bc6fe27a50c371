"""The names of labels, and those that a model's classes do not know."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import torch

from pd_ros.recordings.detections import NamedBoxes


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
