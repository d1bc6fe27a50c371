"""Checks that all readers share."""

from collections.abc import Sequence
from pathlib import Path

_NAMED = 3  # examples in a message


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
