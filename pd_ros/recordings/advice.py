"""Recordings that cannot be read although they are whole: what each of them is, and what helps.

rosbags says of them no more than of a damaged file, or hands out bytes that mean nothing.
"""

import re
from pathlib import Path

from rosbags.interfaces import Connection, ConnectionExtRosbag2

# Endings of files that hold a recording, but not as it is.
PACKED_SUFFIXES = (".db3.zstd", ".mcap.zstd", ".bag.active")

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # no CDR begins so
_INDEX = re.compile(rb"index_pos=(.{8})", re.DOTALL)  # in the header of a ROS 1 bag
_HEAD = 4096
_ROS1 = (
    "expected messages of ROS 2, got an .mcap of ROS 1; give the .bag that it was made of, which"
    " is read as it is (a live replay wants it converted: rosbags-convert --src FILE.bag --dst"
    " FOLDER), or record again under ROS 2"
)


class RecordingError(ValueError):
    """A recording that cannot be read for a reason that is known."""


def refuse_unreadable(path: Path) -> None:
    """Raise ``RecordingError`` for a recording that was packed or not closed.

    Looks at names and at the beginning of a ROS 1 bag; a damaged file passes.
    """
    if path.name.endswith(".zstd"):
        raise RecordingError(
            f"{path}: expected a recording, got one file of a compressed one; give the folder with"
            " metadata.yaml that it belongs to, or unpack it (zstd -d FILE)"
        )
    files = [path] if path.is_file() else list(path.glob("*.db3"))
    for file in files:
        log = file.with_name(f"{file.name}-wal")
        if log.is_file() and log.stat().st_size:
            raise RecordingError(
                f"{file}: expected a recording that was closed, its last messages are still in"
                f" {log.name}; join them: sqlite3 FILE 'PRAGMA wal_checkpoint(TRUNCATE)'"
            )
    if path.suffix in (".bag", ".active") and path.is_file():
        _refuse_without_index(path)


def refuse_encoding(where: str, connection: Connection, message: bytes) -> None:
    """Raise ``RecordingError`` for a message that is not plain CDR, as ROS 2 encodes it."""
    encoding = getattr(connection.ext, "serialization_format", "cdr")
    if encoding != "cdr":
        raise RecordingError(_foreign(where, encoding))
    if isinstance(connection.ext, ConnectionExtRosbag2) and bytes(message[:4]) == _ZSTD_MAGIC:
        raise RecordingError(
            f"{where}: expected plain messages, got ones compressed by zstd, as only the"
            " metadata.yaml of the recording says; give the folder that holds both files"
        )


def explain(where: Path | str, error: Exception) -> str | None:
    """Return what a recording is that rosbags failed on by an error; None: damaged, for all known.

    What rosbags lacks is a reader of the definitions of messages in other languages, or one of
    the definitions. It says so by the name of either alone; names of messages have a slash.
    """
    missing = error.args[0] if isinstance(error, KeyError) and error.args else None
    if isinstance(missing, str) and "/" not in missing:
        return _foreign(where, missing)
    if isinstance(missing, str):
        return (
            f"{where}: expected the definitions of all messages, got none of {missing!a};"
            " write the topic of the clouds alone (mcap filter FILE -y TOPIC -o OUT), or record"
            " again"
        )
    if isinstance(error, UnicodeDecodeError):  # of text, only metadata.yaml is read
        return (
            f"{where}: metadata.yaml: expected text in UTF-8, got another encoding, maybe UTF-16;"
            " save it as UTF-8"
        )
    return None


def repair(path: Path) -> str:
    """Return the command that mends a damaged recording of a kind."""
    if path.suffix == ".bag":
        return f"rosbag reindex {path} (ROS 1)"
    if path.suffix == ".mcap":
        return f"mcap recover {path}"
    if path.suffix == ".db3":
        return f"ros2 bag reindex {path.parent}"
    return f"ros2 bag reindex {path}, after mcap recover FILE of each .mcap"


def _foreign(where: Path | str, encoding: str) -> str:
    if encoding in ("ros1", "ros1msg"):
        return f"{where}: {_ROS1}"
    return (
        f"{where}: expected messages of ROS 2 (CDR), got some of {encoding}; write the topics of"
        " ROS 2 alone: mcap filter FILE -y TOPIC -o OUT"
    )


def _refuse_without_index(path: Path) -> None:
    with path.open("rb") as file:
        found = _INDEX.search(file.read(_HEAD))
    if path.suffix != ".bag" or (found and not int.from_bytes(found[1], "little")):
        raise RecordingError(
            f"{path}: expected a bag with an index, got one that was not closed by its recorder;"
            " write the index: rosbag reindex FILE (ROS 1), then name it .bag"
        )
