"""Recordings of ROS 2 (rosbag2: a folder, .mcap, .db3) and ROS 1 (.bag), read without ROS."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from types import TracebackType
from typing import Any, NamedTuple, Self

from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection

from pd_ros.recordings.advice import (
    PACKED_SUFFIXES,
    RecordingError,
    explain,
    refuse_encoding,
    refuse_unreadable,
    repair,
)
from pd_ros.recordings.mcap import RecordingPath
from pd_ros.recordings.typestore import jazzy_typestore

POINT_CLOUD = "sensor_msgs/msg/PointCloud2"
DETECTIONS = "vision_msgs/msg/Detection3DArray"
# Where recordings carry the boxes that are really there.
TRUTH_TOPIC = "/ground_truth"

_FILE_SUFFIXES = (".mcap", ".db3", ".bag")
_LOOK_BACK_S = (1, 60)  # from the end, for the last message


class StampedMessage(NamedTuple):
    """A message and the nanoseconds at which it was recorded.

    ``message`` has the attribute names that ROS has; arrays are numpy views of the file's bytes.
    """

    received_ns: int
    message: Any


class RawMessage(NamedTuple):
    """A message as it went over the wire, for a replay that never looks inside."""

    topic: str
    type_name: str
    received_ns: int
    cdr: bytes


class Recording:
    """An open recording; a context manager. See :func:`open_recording`."""

    def __init__(self, path: Path, reader: AnyReader) -> None:
        self.path = path
        self._reader = reader

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files; iterators over messages end here."""
        self._reader.close()

    @property
    def topics(self) -> dict[str, str]:
        """Names of the topics with their message types, by name."""
        known = {connection.topic: connection.msgtype for connection in self._reader.connections}
        return dict(sorted(known.items()))

    def count(self, topic: str) -> int:
        """Return how many messages a topic has; 0 if there is no such topic."""
        return sum(connection.msgcount for connection in self._connections(topic))

    def span_ns(
        self, topic: str, start_ns: int | None = None, stop_ns: int | None = None
    ) -> tuple[int, int] | None:
        """When the first and the last message of a topic were recorded; None without messages.

        Only those recorded from ``start_ns`` on and before ``stop_ns``, where these are given. A
        long recording is not read whole. Raises ``ValueError`` where the file is damaged.
        """
        first_ns = next(self._times(topic, start_ns, stop_ns), None)
        if first_ns is None:
            return None
        end_ns = self._reader.end_time if stop_ns is None else min(stop_ns, self._reader.end_time)
        for seconds in _LOOK_BACK_S:
            times = self._times(topic, max(first_ns, end_ns - 10**9 * seconds), end_ns)
            last_ns = max(times, default=None)
            if last_ns is not None:
                return first_ns, last_ns
        return first_ns, max(self._times(topic, first_ns, end_ns))

    def _times(self, topic: str, start_ns: int | None, stop_ns: int | None) -> Iterator[int]:
        connections = self._connections(topic)
        if connections:
            with _reading(self.path, topic):
                for _, received_ns, _ in self._reader.messages(connections, start_ns, stop_ns):
                    yield received_ns

    @property
    def start_ns(self) -> int:
        """When the first message of all topics was recorded."""
        return self._reader.start_time

    def cloud_topic(self, asked: str | None = None) -> str:
        """Return the topic of the point clouds: the one asked for, or the only one there is.

        Raises ``ValueError`` that names the topics that are there.
        """
        clouds = [name for name, kind in self.topics.items() if kind == POINT_CLOUD]
        if not clouds:
            raise ValueError(
                f"{self.path}: expected a topic of {POINT_CLOUD}, the recording has"
                f" {_listed(self.topics)}; packets of a sensor have to be converted by its driver"
            )
        if asked is not None and asked not in clouds:
            raise ValueError(
                f"{self.path}: {asked}: expected a topic of {POINT_CLOUD}, the recording has"
                f" {_listed(self.topics)}; choose {' or '.join(clouds)} by --topic"
            )
        if asked is None and len(clouds) > 1:
            raise ValueError(f"{self.path}: expected one topic of {POINT_CLOUD}, got"
                             f" {', '.join(clouds)}; choose one by --topic")  # fmt: skip
        return asked or clouds[0]

    def messages(
        self, topic: str, start_ns: int | None = None, stop_ns: int | None = None
    ) -> Iterator[StampedMessage]:
        """Messages of one topic in the order of the recording; none for an unknown topic.

        Only those recorded from ``start_ns`` on and before ``stop_ns``, where these are given.
        Raises ``ValueError`` where the file is damaged.
        """
        connections = self._connections(topic)
        if not connections:
            return
        where = f"{self.path}: {topic}"
        with _reading(self.path, topic):
            found = self._reader.messages(connections, start_ns, stop_ns)
            for connection, received_ns, data in found:
                refuse_encoding(where, connection, data)
                message = self._reader.deserialize(data, connection.msgtype)
                yield StampedMessage(received_ns, message)

    def raw_messages(self, *topics: str) -> Iterator[RawMessage]:
        """Serialised messages of some topics (of all, if none is named), merged by time.

        Raises ``ValueError`` for a ROS 1 recording, which holds no CDR, and where the file is
        damaged.
        """
        if not self._reader.is2:
            raise ValueError(
                f"{self.path}: expected a rosbag2 recording, got one of ROS 1; convert it by"
                " rosbags-convert"
            )
        wanted = [c for c in self._reader.connections if not topics or c.topic in topics]
        if not wanted:
            return
        with _reading(self.path):
            for connection, received_ns, data in self._reader.messages(wanted):
                refuse_encoding(f"{self.path}: {connection.topic}", connection, data)
                yield RawMessage(connection.topic, connection.msgtype, received_ns, bytes(data))

    def refuse_unplayable(self, topic: str) -> None:
        """Raise ``ValueError`` unless a topic has a message that could be sent as it is.

        What is wrong with the rest of the recording is not looked for.
        """
        if next(self.raw_messages(topic), None) is None:
            raise ValueError(self.empty(topic))

    def empty(self, topic: str) -> str:
        """Return what there is to say of a topic without messages."""
        clouds = [name for name, kind in self.topics.items() if kind == POINT_CLOUD]
        full = [name for name in clouds if self.count(name)]
        advice = f"choose {' or '.join(full)} by --topic" if full else "choose another recording"
        return f"{self.path}: {topic}: expected clouds, the topic is empty; {advice}"

    def _connections(self, topic: str) -> list[Connection]:
        return [c for c in self._reader.connections if c.topic == topic]


def is_recording(path: Path) -> bool:
    """Whether this looks like a recording: a folder with metadata.yaml, .mcap, .db3 or .bag.

    So do packed ones, which :func:`open_recording` refuses, saying what to do.
    """
    if path.is_dir():  # whatever its name
        return (path / "metadata.yaml").is_file()
    return path.suffix in _FILE_SUFFIXES or path.name.endswith(PACKED_SUFFIXES)


def open_recording(path: Path) -> Recording:
    """Open a recording; close it after, or use it as a context manager.

    Message definitions come from the recording, or from ROS 2 Jazzy where it has none. Raises
    ``ValueError`` for what is no recording or cannot be read.
    """
    if not path.exists():
        raise ValueError(f"{path}: expected a recording, found no such file or folder;"
                         " correct the path")  # fmt: skip
    if not is_recording(path):
        raise ValueError(
            f"{path}: expected a recording: a folder with metadata.yaml, or a file of"
            f" {', '.join(_FILE_SUFFIXES)}"
        )
    with _reading(path):
        refuse_unreadable(path)
        reader = AnyReader([RecordingPath(path)], default_typestore=jazzy_typestore())
        reader.open()
    return Recording(path, reader)


@contextmanager
def _reading(path: Path, topic: str = "") -> Iterator[None]:
    """Turn whatever rosbags raises for a damaged or foreign file into one ``ValueError``.

    There is no list of what it raises: struct, zstd, lz4, SQLite and YAML errors, assertions.
    """
    try:
        yield
    except RecordingError:
        raise
    except Exception as error:
        where = f"{path}: {topic}" if topic else path
        raise ValueError(
            explain(where, error)
            or f"{where}: expected a whole recording, reading it fails:"
            f" {shorten(str(error) or repr(error), 300)};"
            f" copy it again, or repair it: {repair(path)}"
        ) from error


def _listed(topics: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in topics.items()) or "no topics"
