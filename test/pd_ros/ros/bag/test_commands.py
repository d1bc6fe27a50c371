"""What is played and recorded, and what is looked at before."""

import pytest
from bag_tools import write_drive
from small_recording import drive, write_clouds

from pd_ros.ros.bag.commands import (
    Playback,
    look_at_recording,
    play_command,
    record_command,
    topics_of_others,
)


def test_the_player_starts_paused_with_a_clock(tmp_path) -> None:
    command = play_command(Playback(tmp_path, rate=2.0, loop=True), ["/a", "/b"])
    assert command[:4] == ["ros2", "bag", "play", str(tmp_path)]
    assert {"--start-paused", "--loop", "--disable-keyboard-controls"} <= set(command)
    assert command[command.index("--clock") + 1] == "1000.0"
    assert command[command.index("--rate") + 1] == "2.0"
    assert command[-3:] == ["--exclude-topics", "/a", "/b"]
    plain = play_command(Playback(tmp_path), [])
    assert not {"--exclude-topics", "--loop"} & set(plain)


def test_the_recorder_takes_the_players_time(tmp_path) -> None:
    command = record_command(tmp_path / "out", ["/boxes", "/diagnostics"])
    assert command[:3] == ["ros2", "bag", "record"]
    assert "--use-sim-time" in command
    assert command[command.index("--output") + 1] == str(tmp_path / "out")
    assert command[-3:] == ["--topics", "/boxes", "/diagnostics"]


def test_what_the_nodes_publish_now_is_left_out() -> None:
    recorded = ["/boxes", "/boxes2", "/n/lidar_detector", "/n/lidar_detector/markers", "/tf"]
    left_out = topics_of_others(recorded, ["/boxes", "/x"], ["/n/lidar_detector"])
    assert left_out == ["/boxes", "/n/lidar_detector/markers"]


def test_a_recording_with_clouds_is_counted(tmp_path) -> None:
    path = write_drive(tmp_path / "drive", 3, "/velodyne", "/boxes")
    contents = look_at_recording(Playback(path), "/velodyne")
    assert contents == (3, ["/boxes", "/velodyne"], 0.2)


@pytest.mark.parametrize(
    ("offset_s", "duration_s", "length_s"),
    [(0.0, -1, 1.4), (0.95, -1, 0.4), (0.0, 0.55, 0.5), (0.25, 0.5, 0.4), (5.0, -1, 0.0)],
)
def test_the_part_that_is_played_has_a_length(tmp_path, offset_s, duration_s, length_s) -> None:
    path = write_drive(tmp_path / "drive", 15, "/velodyne", "/boxes")
    playback = Playback(path, start_offset_s=offset_s, duration_s=duration_s)
    assert look_at_recording(playback, "/velodyne").length_s == pytest.approx(length_s)


def test_a_recording_without_clouds_there_says_where_they_are(tmp_path) -> None:
    path = write_clouds(tmp_path / "two", drive(2), topics=("/a", "/b"))
    with pytest.raises(
        ValueError, match=r"0 messages of no type there; let it listen to /a or /b"
    ):
        look_at_recording(Playback(path), "/points")
    boxes = write_drive(tmp_path / "boxes", 2, "/velodyne", "/boxes")
    with pytest.raises(ValueError, match=r"2 messages of vision_msgs/msg/Detection3DArray there"):
        look_at_recording(Playback(boxes), "/boxes")
    empty = write_clouds(tmp_path / "empty", [], topics=("/points",))
    with pytest.raises(
        ValueError, match=r"0 messages of sensor_msgs/msg/PointCloud2 there; there"
    ):
        look_at_recording(Playback(empty), "/points")


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_paces_that_cannot_be_are_refused(rate, tmp_path) -> None:
    with pytest.raises(ValueError, match="rate: expected more than 0"):
        Playback(tmp_path, rate=rate)
    with pytest.raises(ValueError, match="clock: expected more than 0"):
        Playback(tmp_path, clock_hz=rate)
