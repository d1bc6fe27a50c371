"""Recordings of one .mcap file that is there whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

UNFINISHED = ".unfinished-"  # what the names of unfinished ones begin with


@contextmanager
def writing_mcap(path: Path) -> Iterator[Writer]:
    """Write a recording to ``NAME.mcap``; one of that name is replaced at the end, not before.

    The file is written beside the others under a hidden name. What raises inside leaves nothing,
    a process that dies leaves a folder ``UNFINISHED*``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=UNFINISHED))
    try:
        writer = Writer(folder / path.stem, version=9, storage_plugin=StoragePlugin.MCAP)
        writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        with writer:
            yield writer
        finished = folder / path.stem / f"{path.stem}.mcap"
        with finished.open("rb+") as file:
            os.fsync(file.fileno())
        finished.replace(path)
    finally:
        shutil.rmtree(folder)
