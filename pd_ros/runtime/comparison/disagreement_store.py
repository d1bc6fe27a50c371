"""The clouds on which student and teacher differ most, as recordings for labelling or training.

Each is one finished .mcap file named by its disagreement and stamp, so that the folder itself says
what is kept, after a crash too.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pd_ros.process.unfinished import remove_unfinished
from pd_ros.recordings.mcap import writing_mcap
from pd_ros.recordings.typestore import jazzy_typestore

_NAME = re.compile(r"(\d+\.\d{3})_(\d+)\.mcap")


class StoredMessage(NamedTuple):
    """One message of a recording, serialised."""

    topic: str
    type_name: str
    cdr: bytes


class _Kept(NamedTuple):
    """A file, ordered by how much it is worth."""

    disagreement: float
    stamp_ns: int
    size: int
    path: Path


class DisagreementStore:
    """At most ``count`` files of together at most ``max_bytes``; the smallest disagreement goes.

    The folder is made, and what an earlier run left in it counts. Raises ``OSError`` where it
    cannot be written.
    """

    def __init__(self, folder: Path, count: int, max_bytes: int) -> None:
        self._folder = folder
        self._count = count
        self._max_bytes = max_bytes
        self._typestore = jazzy_typestore()
        folder.mkdir(parents=True, exist_ok=True)
        remove_unfinished(folder)
        self._kept = sorted(_kept(path) for path in folder.iterdir() if _NAME.fullmatch(path.name))
        self._trim()

    @property
    def files(self) -> list[Path]:
        """Those kept, the largest disagreement first."""
        return [kept.path for kept in reversed(self._kept)]

    def offer(self, disagreement: float, stamp_ns: int, messages: Sequence[StoredMessage]) -> bool:
        """Keep a cloud if it is worth more than the least of those kept; returns whether it is."""
        full = len(self._kept) >= self._count
        size = sum(len(message.cdr) for message in messages)
        if size > self._max_bytes or (full and disagreement <= self._kept[0].disagreement):
            return False
        path = self._folder / f"{disagreement:08.3f}_{stamp_ns}.mcap"
        self._write(path, stamp_ns, messages)
        others = (kept for kept in self._kept if kept.path != path)
        self._kept = sorted((*others, _kept(path)))
        self._trim()
        return path.exists()

    def _write(self, path: Path, stamp_ns: int, messages: Sequence[StoredMessage]) -> None:
        with writing_mcap(path) as writer:
            for topic, type_name, cdr in messages:
                connection = writer.add_connection(topic, type_name, typestore=self._typestore)
                writer.write(connection, stamp_ns, cdr)

    def _trim(self) -> None:
        while len(self._kept) > self._count or sum(k.size for k in self._kept) > self._max_bytes:
            self._kept.pop(0).path.unlink(missing_ok=True)


def _kept(path: Path) -> _Kept:
    match = _NAME.fullmatch(path.name)
    assert match
    return _Kept(float(match[1]), int(match[2]), path.stat().st_size, path)
