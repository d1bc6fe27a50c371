"""One playback of a recording to a detector: who is started when, and when it is over."""

import time
from collections.abc import Sequence
from pathlib import Path

from pd_ros.recordings.bag import open_recording
from pd_ros.ros.bag.child_process import ChildProcess
from pd_ros.ros.bag.client import ACTIVE, LiveBagClient
from pd_ros.ros.bag.commands import (
    Contents,
    Playback,
    play_command,
    record_command,
    topics_of_others,
)
from pd_ros.ros.execution.timers import spinning

_LOOK_S, _SERVICE_S = 0.05, 5.0
_UNTOUCHED_S = 10.0  # so long a detector may wait for somebody to activate it
_CONNECT_S = 60.0
# Every two processes find each other by themselves, and nobody can ask the player whom it found:
# it is given this long after all have been seen from here. Where a packet of discovery was lost,
# Fast DDS sends it again after 3 s: with 1 s, on busy cores, a recorder missed the first answers.
_SETTLE_S = 4.0
_QUIET_S, _DRAIN_S = 2.0, 30.0  # the last answers come while clouds are in work


def play_to_detector(
    client: LiveBagClient,
    playback: Playback,
    contents: Contents,
    out: Path | None,
    children: list[ChildProcess],
    wait_s: float,
) -> None:
    """Start recorder and player, let it play when all are connected, and wait for the answers.

    What is started is appended to ``children``, the recorder
    first; it goes on recording. Raises ``ValueError`` where one of them ends before its time, and
    ``TimeoutError`` where the detector is not active within ``wait_s`` or the rest not connected.
    """
    with spinning(client):
        _wait_until_active(client, wait_s)
        if client.is_player_there():
            raise ValueError("expected no other `ros2 bag play` in this ROS domain, one is there;"
                             " end it, or choose another ROS_DOMAIN_ID")  # fmt: skip
        if out is not None:
            command = record_command(out, client.outputs)
            children.append(ChildProcess("ros2 bag record", command))
        left_out = topics_of_others(contents.topics, client.outputs, client.nodes)
        if left_out:
            names = ", ".join(left_out)
            client.get_logger().info(f"not played, as it is published anew: {names}")
        player = ChildProcess("ros2 bag play", play_command(playback, left_out))
        children.append(player)
        _wait_until_connected(client, children, out is not None)
        client.get_logger().info("all are connected: playing")
        began_s = time.monotonic()
        client.resume(_SERVICE_S)
        _wait_until_played(player, children)
        _check_length(time.monotonic() - began_s, contents.length_s / playback.rate)
        _wait_until_answered(client)


def recorded_answers(out: Path, topic: str, whole: bool) -> int:
    """Return how many answers were recorded; ``ValueError`` where the recording is not whole.

    ``whole``: whether the recorder ended by itself.
    """
    if not whole or not (out / "metadata.yaml").is_file():
        raise ValueError(f"{out}: expected a finished recording, the recorder left it unfinished;"
                         f" repair it: ros2 bag reindex {out}")  # fmt: skip
    with open_recording(out) as recording:
        return recording.count(topic)


def _wait_until_active(client: LiveBagClient, wait_s: float) -> None:
    name, began_s = client.nodes[0], time.monotonic()
    seen_s: float | None = None  # since when it answers, but is not active
    while (state := client.state(_SERVICE_S)) != ACTIVE:
        now_s = time.monotonic()
        if state is None:  # it starts, or is in the midst of a transition
            seen_s = None
        elif seen_s is None:
            seen_s = now_s
        elif now_s - seen_s > _UNTOUCHED_S:
            raise TimeoutError(
                f"{name}: expected it to be {ACTIVE}, it has been {state} for {_UNTOUCHED_S:g} s;"
                " leave its parameter autostart at true, or activate it by ros2 lifecycle set"
            )
        if now_s - began_s > wait_s:
            raise TimeoutError(f"{name}: expected it to be {ACTIVE} within {wait_s:g} s, it"
                               f" {f'is {state}' if state else 'does not answer'}")  # fmt: skip
        time.sleep(_LOOK_S)


def _wait_until_connected(
    client: LiveBagClient, children: Sequence[ChildProcess], recorded: bool
) -> None:
    end_s = time.monotonic() + _CONNECT_S
    while missing := client.missing(recorded):
        for child in children:
            child.check()
        if time.monotonic() > end_s:
            raise TimeoutError(f"expected all to be connected within {_CONNECT_S:g} s: {missing}")
        time.sleep(_LOOK_S)
    time.sleep(_SETTLE_S)


def _wait_until_played(player: ChildProcess, children: Sequence[ChildProcess]) -> None:
    while player.exit_code is None:
        for child in children:
            if child is not player:
                child.check()
        time.sleep(_LOOK_S)
    if player.exit_code != 0:
        player.check()


def _check_length(played_s: float, length_s: float) -> None:
    """Raise ``ValueError`` for a player that was ended early, of which its exit code says nothing.

    It never plays faster than it was told to.
    """
    if played_s < length_s:
        raise ValueError(
            f"ros2 bag play: ended after {played_s:.1f} s, expected {length_s:.1f} s until the"
            " last cloud; it was stopped, or the recording is damaged: see its log above"
        )


def _wait_until_answered(client: LiveBagClient) -> None:
    """Wait until no more answers come, which a detector that does nothing else gives soon."""
    end_s = time.monotonic() + _DRAIN_S
    answers, since_s = -1, time.monotonic()
    while time.monotonic() < min(since_s + _QUIET_S, end_s):
        if client.answers != answers:
            answers, since_s = client.answers, time.monotonic()
        time.sleep(_LOOK_S)
