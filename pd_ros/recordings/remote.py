"""Recordings and results at addresses that fsspec knows, as ``s3://bucket/drive.mcap``.

The readers of recordings need files: what is read is copied to this machine first, what is
written is copied from it at the end.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_MARK = "://"


def location(text: str) -> Path | str:
    """Return a path as a path, and an address of another file system as it is."""
    return text if _MARK in text else Path(text)


def stem(place: Path | str) -> str:
    """The name of a recording without its suffix."""
    if isinstance(place, Path):
        return (place.resolve() if place.name in ("", ".") else place).stem
    return PurePosixPath(place.rstrip("/")).stem


@contextmanager
def local_copy(place: Path | str) -> Iterator[Path]:
    """Give a path as it is; of an address, a copy of the file or folder, which is removed then.

    Raises ``ValueError`` for an address that nothing here can read, and ``OSError`` for one where
    nothing is.
    """
    if isinstance(place, Path):
        yield place
        return
    filesystem, path = _open(place)
    if not filesystem.exists(path):
        raise FileNotFoundError(f"{place}: expected a recording, found nothing; correct it")
    with TemporaryDirectory() as folder:
        copy = Path(folder) / PurePosixPath(path.rstrip("/")).name
        recursive = filesystem.isdir(path)
        filesystem.get(path.rstrip("/") + "/" * recursive, str(copy), recursive=recursive)
        yield copy


def copy_out(folder: Path, address: str) -> None:
    """Copy all that is in a folder to an address; ``ValueError`` for one of no known kind."""
    filesystem, path = _open(address)
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        target = f"{path.rstrip('/')}/{file.relative_to(folder).as_posix()}"
        filesystem.makedirs(str(PurePosixPath(target).parent), exist_ok=True)
        filesystem.put_file(str(file), target)


def _open(address: str) -> "tuple[AbstractFileSystem, Any]":
    """The file system of an address, and the path there."""
    from fsspec import url_to_fs  # noqa: PLC0415  # which imports much that paths do not need

    try:
        filesystem, path = url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise ValueError(f"{address}: expected an address that fsspec can open: {error}") from None
    return filesystem, path
