"""Files that are there whole or not at all: what is being written has another name until then.

Whatever ends a process by an exception leaves nothing. What a process that was killed has left is
removed by the next one that writes in the same folder.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

UNFINISHED = ".unfinished-"  # what the names of such folders begin with
_LOCK = ".lock"  # held as long as the process lives that writes in the folder


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the place to write a file at, which replaces the one at ``path`` at the end.

    Others may read it as any file that the user makes: some libraries write for the user alone.
    """
    temporary = path.with_name(f"{path.name}.part")
    try:
        yield temporary
        temporary.chmod(_usual_mode())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _usual_mode() -> int:
    """Permissions of a new file by the process' mask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


@contextmanager
def unfinished_folder(parent: Path) -> Iterator[Path]:
    """Give a hidden folder in ``parent``, which is made if need be, to write in.

    To be moved out of it is what has been finished; the rest is removed at the end.
    """
    parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(parent)
    folder, lock = _new_folder(parent)
    with lock:
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def remove_unfinished(parent: Path) -> None:
    """Remove the folders of processes that are no more; those in use stay."""
    for left in parent.glob(f"{UNFINISHED}*"):
        with suppress(OSError), (left / _LOCK).open("w") as lock:
            _hold(lock)
            shutil.rmtree(left)


def _new_folder(parent: Path) -> tuple[Path, IO[str]]:
    """A new folder and its lock; another process may find it before it is locked."""
    while True:
        folder = Path(tempfile.mkdtemp(dir=parent, prefix=UNFINISHED))
        with suppress(FileNotFoundError, BlockingIOError):
            lock = (folder / _LOCK).open("w")
            try:
                _hold(lock)
            except BlockingIOError:
                lock.close()
                raise
            except OSError:  # no locks on this file system: nobody else gets one either
                pass
            if folder.exists():
                return folder, lock
            lock.close()


def _hold(lock: IO[str]) -> None:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
