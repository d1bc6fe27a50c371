"""One benchmark at a time in a folder, also if the last one was killed and its runs live on."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hold(folder: Path) -> Iterator[int]:
    """Lock a folder, which is made if need be; gives the file descriptor that runs inherit.

    The lock is open as long as one process has the descriptor. Raises ``ValueError`` if another
    benchmark, or a run of one, holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"{folder}: another benchmark, or a run that it left behind, works here; wait for"
                " it, stop it, or give another --out"
            ) from None
        yield file.fileno()
