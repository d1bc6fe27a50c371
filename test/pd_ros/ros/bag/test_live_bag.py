"""A recording played to the real node over real DDS; `ros2 bag` itself is a stand-in."""

import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")
pytest.importorskip("rosgraph_msgs.msg", reason="rosgraph_msgs is not installed: see packaging/")

from bag_tools import shell, write_drive
from live_node import running_node
from patience import PATIENCE_S, ending, read_until
from small_recording import STAMP, STEP_NS

from pd_ros.recordings.bag import open_recording

COUNT = 15


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    return shell(tmp_path_factory.mktemp("shell"))


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    """Also with what an earlier detector answered, below and beside its own topics."""
    path = tmp_path_factory.mktemp("drive") / "drive"
    old = ("/bag/boxes", "/bag/lidar_detector/old", "/other/boxes")
    return write_drive(path, COUNT, "/velodyne", *old)


TOPICS = ["-r", "points:=/velodyne", "-r", "detections:=boxes", "-p", "use_sim_time:=true"]


@contextmanager
def playing(variables, *arguments: str, topics=TOPICS[:4], space="/bag"):
    command = [sys.executable, "-m", "pd_ros.live_bag", *map(str, arguments)]
    process = subprocess.Popen(
        [*command, "--ros-args", "-r", f"__ns:={space}", *topics],
        env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with ending(process):
        yield process


def played(variables, *arguments: str, **where) -> tuple[int, str, str]:
    with playing(variables, *arguments, **where) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def detector(checkpoint):
    with running_node("/bag", checkpoint, *TOPICS) as process:
        yield process


def children_of(pid: int) -> list[int]:
    stats = [path.read_text() for path in Path("/proc").glob("[0-9]*/stat")]
    rows = [(text.split()[0], text.rpartition(")")[2].split()) for text in stats]
    return [int(child) for child, (_, parent, *_) in rows if int(parent) == pid]


def stamps(path, topic: str) -> list[int]:
    with open_recording(path) as recording:
        headers = [message.message.header.stamp for message in recording.messages(topic)]
    return [10**9 * stamp.sec + stamp.nanosec for stamp in headers]


def test_every_cloud_is_answered_and_recorded_from_the_first_on(
    detector, bag, variables, tmp_path
) -> None:
    out = tmp_path / "answers"
    code, said, err = played(variables, "--bag", bag, "--out", out, "--rate", "0.25")
    assert code == 0, err
    assert sorted(stamps(out, "/bag/boxes")) == [STAMP + n * STEP_NS for n in range(COUNT)]
    assert f"{COUNT} clouds in the recording, {COUNT} answers, recorded in {out}" in said
    assert "not played, as it is published anew: /bag/boxes, /bag/lidar_detector/old\n" in err
    with open_recording(out) as recording:
        assert recording.topics.keys() == {"/bag/boxes", "/diagnostics"}
        received = [m.received_ns for m in recording.messages("/bag/boxes")]
    assert min(received) >= STAMP  # the time of the recording
    assert max(received) < STAMP + 10**12


def test_objects_for_autoware_are_waited_for_counted_and_recorded(
    checkpoint, variables, tmp_path
) -> None:
    """Of a detector that publishes nothing else; older ones in the recording are not played."""
    pytest.importorskip("autoware_perception_msgs.msg", reason="not installed: see packaging/")
    bag = write_drive(tmp_path / "drive", COUNT, "/velodyne", "/autoware/old_boxes", "/objects")
    topics = ["-r", "points:=/velodyne", "-r", "lidar_detector/objects:=/objects"]
    given = [*topics, "-p", "use_sim_time:=true", "-p", "output.message:=autoware"]
    out = tmp_path / "answers"
    with running_node("/autoware", checkpoint, *given):
        code, said, err = played(
            variables, "--bag", bag, "--out", out, "--rate", "0.25", topics=topics,
            space="/autoware",
        )  # fmt: skip
    assert code == 0, err
    assert "not played, as it is published anew: /objects\n" in err
    with open_recording(out) as recording:
        assert recording.topics.keys() == {"/objects", "/diagnostics"}
        assert recording.topics["/objects"] == "autoware_perception_msgs/msg/DetectedObjects"
    answered = stamps(out, "/objects")
    assert f"{COUNT} clouds in the recording, {len(answered)} answers, recorded in {out}" in said
    assert set(answered) <= {STAMP + n * STEP_NS for n in range(COUNT)}
    assert STAMP in answered  # none of the start is lost


def test_without_a_folder_nothing_is_recorded(detector, bag, variables, tmp_path) -> None:
    code, said, err = played(variables, "--bag", bag, "--start-offset", "0.95", "--rate", "0.2")
    assert code == 0, err
    counted = re.search(rf"{COUNT} clouds in the recording, (\d+) answers\n", said)
    assert counted and 1 <= int(counted[1]) <= 5, said  # a busy machine may drop some


def test_told_to_stop_it_leaves_a_whole_recording(detector, bag, variables, tmp_path) -> None:
    out = tmp_path / "answers"
    with playing(variables, "--bag", bag, "--out", out, "--rate", "0.1") as process:
        read_until(process, process.stderr, "playing")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, err
    assert (out / "metadata.yaml").is_file()


def test_killed_it_leaves_no_player_and_a_whole_recording(
    detector, bag, variables, tmp_path
) -> None:
    out = tmp_path / "answers"
    with playing(variables, "--bag", bag, "--out", out, "--rate", "0.05") as process:
        read_until(process, process.stderr, "playing")
        assert len(children_of(process.pid)) == 2
        process.kill()
        process.communicate(timeout=PATIENCE_S)  # both hold its pipes until they end
    assert (out / "metadata.yaml").is_file()


def test_a_player_that_is_ended_early_is_an_error_whatever_its_exit_code(
    detector, bag, variables
) -> None:
    with playing(variables, "--bag", bag, "--rate", "0.05") as process:
        read_until(process, process.stderr, "playing")
        (player,) = children_of(process.pid)
        os.kill(player, signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert "ros2 bag play: ended after" in err and "expected 28.0 s until the last cloud" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"--bag": "/no/such"}, "/no/such: expected a recording"),
        ({"--out": "."}, "expected a new folder, it exists"),
        ({"--rate": "0"}, "rate: expected more than 0, got 0.0"),
        ({"--rate": "nan"}, "rate: expected more than 0, got nan"),
        ({"--start-offset": "-1"}, "start offset: expected 0 s or more"),
        ({"--duration": "0"}, "duration: expected more than 0 s, or -1"),
    ],
)  # fmt: skip
def test_what_cannot_be_played_is_refused_before_anything_starts(
    arguments, message, bag, variables
) -> None:
    given = {"--bag": str(bag)} | arguments
    code, _, err = played(variables, *(part for pair in given.items() for part in pair))
    assert code == 2
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize("wrong", [["--nonsense"], ["-r", "points"]])
def test_wrong_arguments_of_ros_are_refused(wrong, bag, variables) -> None:
    code, _, err = played(variables, "--bag", bag, topics=wrong)
    assert code == 2
    assert "live_bag: error: arguments of ROS: " in err


def test_clouds_on_another_topic_are_named(bag, variables) -> None:
    code, _, err = played(variables, "--bag", bag, topics=["-r", "points:=/rear"])
    assert code == 2
    assert "expected clouds on /rear" in err and "let it listen to /velodyne" in err


def test_a_detector_that_does_not_come_is_an_error(bag, variables) -> None:
    code, _, err = played(variables, "--bag", bag, "--wait", "2", space="/nobody")
    assert code == 2
    assert "/nobody/lidar_detector: expected it to be active within 2 s" in err
    assert "does not answer" in err


def test_a_detector_that_nobody_activates_is_an_error(checkpoint, bag, variables) -> None:
    with running_node("/idle", checkpoint, "-p", "autostart:=false"):
        code, _, err = played(variables, "--bag", bag, space="/idle")
    assert code == 2
    assert "it has been unconfigured for 10 s" in err and "autostart" in err


@pytest.mark.parametrize("verb", ["play", "record"])
def test_a_player_or_recorder_that_ends_too_early_is_an_error(
    verb, detector, bag, variables, tmp_path
) -> None:
    program = tmp_path / "ros2"
    program.write_text(f"#!/bin/sh\n[ $2 = {verb} ] && exit 3\nexec sleep 100\n")
    program.chmod(0o755)
    broken = {**variables, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    code, _, err = played(broken, "--bag", bag, "--out", tmp_path / "answers")
    assert code == 2
    assert f"ros2 bag {verb}: ended too early with exit code 3" in err


def test_without_ros2_bag_it_says_what_is_missing(detector, bag, variables, tmp_path) -> None:
    code, _, err = played({**variables, "PATH": str(tmp_path)}, "--bag", bag)
    assert code == 2
    assert "ros2 bag play: expected the program ros2" in err
    code, _, err = played({**variables, "PYTHONPATH": "."}, "--bag", bag)
    assert code == 2
    assert "No module named 'rosbag2_interfaces'; expected ROS with `ros2 bag`" in err
