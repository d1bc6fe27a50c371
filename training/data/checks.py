"""What every reader refuses, said in one way."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from training.frame import Float32

_NAMED = 3  # examples in a message


def refuse_flat_boxes(boxes: Float32, where: Callable[[int], str]) -> None:
    """Raise ``ValueError`` for the first of the boxes ``[M, 7]`` that has no finite size above 0.

    ``where`` says of a box's index where it stands in the data.
    """
    sound = np.isfinite(boxes).all(axis=1) & (boxes[:, 3:6] > 0).all(axis=1)
    if not sound.all():
        index = int(np.argmin(sound))
        size = ", ".join(f"{value:g}" for value in boxes[index, 3:6])
        raise ValueError(
            f"{where(index)}: expected a box of finite numbers whose length, width and height are"
            f" above 0 m, got {size}; correct the label or take it out"
        )


def refuse_missing(files: Sequence[Path], named_by: str) -> None:
    """Raise ``ValueError`` that lists which of the files are not there.

    ``named_by``: the table, list or folder that promises them.
    """
    # A look into each folder is much faster than one at each file, above all over a network.
    present = {folder: _names_in(folder) for folder in {path.parent for path in files}}
    missing = [str(path) for path in files if path.name not in present[path.parent]]
    if missing:
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        raise ValueError(
            f"{named_by}: expected {len(files)} files that it names, {len(missing)} are not there:"
            f" {', '.join(missing[:_NAMED])}{more}; download what is missing, or choose another"
            " split"
        )


def _names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()
