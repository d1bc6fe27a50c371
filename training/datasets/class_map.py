"""From the names that a data set uses for its objects to the labels of a model."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.datasets.frame import IGNORED


class ClassMap(NamedTuple):
    """Labels of a data set's names in lower case; ``IGNORED`` for what the model does not know."""

    labels: Mapping[str, int]

    def label(self, name: str, where: str) -> int:
        """Return the label of one object; ``ValueError`` for a name that no map knows."""
        try:
            return self.labels[name.lower()]
        except KeyError:
            raise ValueError(
                f"{where}: class {name!r}: expected one of {', '.join(self.labels)}; add"
                f" {{{name}: null}} to the source's class_map to ignore such objects, or give a"
                " class of the model instead of null"
            ) from None

    def labels_of(self, names: Iterable[str], where: str) -> NDArray[np.int64]:
        """Labels ``[M]`` of the objects of one frame."""
        return np.array([self.label(name, where) for name in names], dtype=np.int64)


def map_classes(
    known: Mapping[str, str | None],
    classes: Sequence[str],
    override: Mapping[str, str | None],
    where: str,
    closed: bool = False,
) -> ClassMap:
    """Join a format's own map (``known``: name -> class or None) and the source's over it.

    Classes that the model does not have are ignored, as is what is mapped to None. ``closed``:
    the format has no other names than the known ones. Raises ``ValueError`` where the override
    names what cannot be, or no class of the model, and where nothing in the data is of any class
    of the model.
    """
    for name, target in override.items():
        if closed and name not in known:
            raise ValueError(
                f"{where}: class_map.{name}: expected one of the format's names"
                f" ({', '.join(known)}); correct it or take it out"
            )
        if target is not None and target not in classes:
            raise ValueError(
                f"{where}: class_map.{name}: expected a class of the model ({', '.join(classes)})"
                f" or null to ignore, got {target!r}; correct it"
            )
    joined = {name.lower(): target for name, target in (*known.items(), *override.items())}
    index = {name: number for number, name in enumerate(classes)}
    labels = {name: index.get(target or "", IGNORED) for name, target in joined.items()}
    if not set(labels.values()) - {IGNORED}:
        raise ValueError(
            f"{where}: class_map: expected a name in the data for some class of the model"
            f" ({', '.join(classes)}), got none; the data has {', '.join(joined)}: map one of them"
        )
    return ClassMap(labels)
