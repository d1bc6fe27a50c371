"""Write the commands by which ``ros2 bag`` plays and records; no ROS needed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pd_ros.recordings.bag import POINT_CLOUD, Recording, open_recording

PLAYER, RECORDER = "rosbag2_player", "pd_ros_recorder"
# The player leaves when reliable subscribers have all it sent, or after this.
_ACKNOWLEDGED_MS = 2000


@dataclass(frozen=True)
class Playback:
    """How a recording is played."""

    bag: Path
    rate: float = 1.0  # times the recorded pace
    start_offset_s: float = 0.0
    duration_s: float = -1.0  # -1: to the end
    loop: bool = False
    clock_hz: float = 1000.0  # at rosbag2's own 40 Hz times are 25 ms coarse

    def __post_init__(self) -> None:
        positive = {"rate": self.rate, "clock": self.clock_hz}
        for name, value in positive.items():
            if not 0 < value < float("inf"):
                raise ValueError(f"{name}: expected more than 0, got {value}")
        if not 0 <= self.start_offset_s < float("inf"):
            raise ValueError(f"start offset: expected 0 s or more, got {self.start_offset_s}")
        if not (self.duration_s > 0 or self.duration_s == -1):
            raise ValueError(f"duration: expected more than 0 s, or -1, got {self.duration_s}")


def play_command(playback: Playback, left_out: Sequence[str]) -> list[str]:
    """Play all topics but some, with their clock; paused until it is told to resume."""
    command = ["ros2", "bag", "play", str(playback.bag), "--start-paused"]
    command += ["--clock", str(playback.clock_hz), "--rate", str(playback.rate)]
    command += ["--start-offset", str(playback.start_offset_s)]
    command += ["--playback-duration", str(playback.duration_s)]
    command += ["--wait-for-all-acked", str(_ACKNOWLEDGED_MS), "--disable-keyboard-controls"]
    if playback.loop:
        command.append("--loop")
    return [*command, "--exclude-topics", *left_out] if left_out else command


def record_command(out: Path, topics: Sequence[str]) -> list[str]:
    """Record topics into a new folder, at the times of the player's clock."""
    command = ["ros2", "bag", "record", "--use-sim-time", "--output", str(out)]
    command += ["--node-name", RECORDER, "--disable-keyboard-controls"]
    return [*command, "--topics", *topics]


def topics_of_others(
    recorded: Sequence[str], topics: Sequence[str], nodes: Sequence[str]
) -> list[str]:
    """Return the recorded topics that nodes publish now: what was recorded of them would mix in.

    ``topics``: those that they publish by name; ``nodes``: full names, below which are others.
    """
    below = tuple(f"{node}/" for node in nodes)
    return [name for name in recorded if name in topics or name.startswith(below)]


class Contents(NamedTuple):
    """What there is to play."""

    clouds: int  # in the whole recording, on the topic that is listened to
    topics: list[str]  # all of them
    length_s: float  # recorded seconds that pass at least until the last of these clouds is played


def look_at_recording(playback: Playback, clouds: str) -> Contents:
    """Return what a rosbag2 recording has to play on a topic.

    Raises ``ValueError`` where there is no such recording, or nothing to play on that topic.
    """
    bag = playback.bag
    with open_recording(bag) as recording:
        topics = recording.topics
        next(recording.raw_messages(*topics), None)  # only rosbag2's has such messages
        count = recording.count(clouds)
        if topics.get(clouds) == POINT_CLOUD and count:
            return Contents(count, list(topics), _length_s(recording, playback, clouds))
    others = [name for name, kind in topics.items() if kind == POINT_CLOUD and name != clouds]
    advice = f"let it listen to {' or '.join(others)}" if others else "there are none on others"
    raise ValueError(
        f"{bag}: expected clouds on {clouds}, where the detector listens, the recording has"
        f" {count} messages of {topics.get(clouds, 'no type')} there; {advice}"
    )


def _length_s(recording: Recording, playback: Playback, clouds: str) -> float:
    """As ``ros2 bag play`` counts: offset and duration from the start of the whole recording."""
    start_ns = recording.start_ns + int(1e9 * playback.start_offset_s)
    stop_ns = start_ns + int(1e9 * playback.duration_s) if playback.duration_s > 0 else None
    span_ns = recording.span_ns(clouds, start_ns, stop_ns)
    return 0.0 if span_ns is None else (span_ns[1] - span_ns[0]) / 1e9
