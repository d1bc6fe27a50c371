"""Read and write recordings of one .mcap file.

rosbags insists on the profile "ros2" in the header, which is a remark and may be empty: how
messages are encoded stands at each channel. A file is written whole or not at all.
"""

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PosixPath
from typing import Any

from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

from pd_ros.process.unfinished import unfinished_folder

# After the magic bytes, the header's operation code and its length.
_START = 8 + 1 + 8
_ROS2 = struct.pack("<I", 4) + b"ros2"


class RecordingPath(PosixPath):
    """A path that is opened as any other, but for the profile of .mcap files."""

    def open(self, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        """Open the file as ``Path.open`` does."""
        if mode == "rb" and self.suffix == ".mcap" and not (arguments or options):
            return io.BufferedReader(_OfRos2(str(self)))
        return super().open(mode, *arguments, **options)


class _OfRos2(io.RawIOBase):
    """The bytes of a file with the profile "ros2".

    The header begins with the profile and the name of the library that wrote it, each after four
    bytes of length: there is always room, and nobody reads the library's name.
    """

    def __init__(self, path: str) -> None:
        self._file = io.FileIO(path)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any, /) -> int:
        start = self._file.tell()
        count = self._file.readinto(buffer) or 0
        view = memoryview(buffer).cast("B")
        for place in range(max(start, _START), min(start + count, _START + len(_ROS2))):
            view[place - start] = _ROS2[place - _START]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


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
