"""Read lists of a folder's sweeps: which belong to a part, of which drive each is; check files.

A list is named ``FILE.json#KEY``: KEY's value in the file is a list of paths relative to the
folder. A table of drives is a JSON file with ``files``: a list of objects that have ``file`` and
``drive``. Both files lie in the folder of the source.
"""

import json
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

_NAMED = 3  # examples in a message


def listed_files(folder: Path, listed: str, only: str | None) -> list[Path]:
    """The sweeps of a list in its order; ``only``: those whose path fits this pattern.

    Raises ``ValueError`` for a list that cannot be read, names what is not there, leaves the
    folder or has nothing of the pattern.
    """
    name, _, key = listed.partition("#")
    where = f"{folder / name}#{key}"
    names = _read_list(folder / name, key)
    wanted = [item for item in names if only is None or fnmatch(item, only)]
    if not wanted:
        raise ValueError(
            f"{where}: expected sweeps that fit {only or '*'}, got none of {len(names)}; correct"
            " the list or the pattern"
        )
    files = [folder / item for item in wanted]
    refuse_missing(files, where)
    return files


def _read_list(path: Path, key: str) -> list[str]:
    content = _read_json(path)
    where = f"{path}#{key}"
    if not isinstance(content, dict) or key not in content:
        keys = ", ".join(content) if isinstance(content, dict) else "no object"
        raise ValueError(f"{where}: expected a list of this name, got {keys}; name one of them")
    names = content[key]
    if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
        raise ValueError(
            f"{where}: expected a list of paths, got something else; correct the file"
        )
    outside = [
        n for n in names if PurePosixPath(n).is_absolute() or ".." in PurePosixPath(n).parts
    ]
    if outside:
        raise ValueError(f"{where}: expected paths inside the folder, got {outside[0]}")
    return names


def drives_of(folder: Path, table: str, files: Sequence[str]) -> list[str]:
    """The drive of each of the files below a folder, in their order.

    Raises ``ValueError`` for a table that cannot be read, is none, or lacks one of the files.
    """
    drives = _read_drives(folder / table)
    names = [Path(file).relative_to(folder).as_posix() for file in files]
    missing = [name for name in names if name not in drives]
    if missing:
        raise ValueError(
            f"{folder / table}: expected the drive of each of {len(names)} sweeps, {len(missing)}"
            f" have none, as {missing[0]}; add them, or leave `drives` out"
        )
    return [drives[name] for name in names]


def _read_drives(path: Path) -> dict[str, str]:
    content = _read_json(path)
    try:
        return {row["file"]: str(row["drive"]) for row in content["files"]}
    except (KeyError, TypeError):
        raise ValueError(
            f'{path}: expected {{"files": [{{"file": ..., "drive": ...}}, ...]}}, got'
            " something else; correct the file, or leave `drives` out"
        ) from None


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected a JSON file, got {error}; correct the path") from None


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
