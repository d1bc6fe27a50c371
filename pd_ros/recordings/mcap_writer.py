"""Recordings of one .mcap file that is there whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from pd_ros.process.unfinished import unfinished_folder


@contextmanager
def writing_mcap(path: Path) -> Iterator[Writer]:
    """Write a recording to ``NAME.mcap``; one of that name is replaced at the end, not before.

    It is written in an :func:`unfinished_folder` beside the others.
    """
    with unfinished_folder(path.parent) as folder:
        writer = Writer(folder / path.stem, version=9, storage_plugin=StoragePlugin.MCAP)
        writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        with writer:
            yield writer
        finished = folder / path.stem / f"{path.stem}.mcap"
        with finished.open("rb+") as file:
            os.fsync(file.fileno())
        finished.replace(path)
