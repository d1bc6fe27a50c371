"""replay.launch.py run by the real launch, with the real node; `ros2 bag` itself is a stand-in."""

import os
import re
import signal

import pytest

pytest.importorskip("launch_ros", reason="launch_ros is not installed")
pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from bag_tools import shell, write_drive
from launch_here import LAUNCH, environment, install, launched, launching, real
from patience import PATIENCE_S, read_until
from small_model import save_eager_model
from small_recording import STAMP, STEP_NS

from pd_ros.recordings.bag import open_recording

REPLAY = LAUNCH / "replay.launch.py"
COUNT = 15


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
    folder = tmp_path_factory.mktemp("replay")
    prefix = install(
        folder / "prefix",
        detector_node=real("pd_ros.node"),
        comparison_node=real("pd_ros.comparison_node"),
        live_bag=real("pd_ros.live_bag"),
    )
    bag_shell = shell(folder / "shell")
    more = {name: bag_shell[name] for name in ("PATH", "PYTHONPATH")}
    return environment(prefix) | more


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return save_eager_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("drive") / "drive"
    return write_drive(path, COUNT, "/velodyne", "/detections", "/boxes")


def replay(variables, bag, checkpoint, *more: str) -> tuple[int, str]:
    given = {"bag": bag, "checkpoint": checkpoint, "input_topic": "/velodyne", "rate": "0.25"}
    given |= dict(text.split(":=", 1) for text in more)
    arguments = [f"{name}:={value}" for name, value in given.items()]
    return launched(REPLAY, arguments, variables)


def stamps(path, topic: str) -> list[int]:
    with open_recording(path) as recording:
        headers = [message.message.header.stamp for message in recording.messages(topic)]
    return sorted(10**9 * stamp.sec + stamp.nanosec for stamp in headers)


ALL = [STAMP + number * STEP_NS for number in range(COUNT)]


def test_all_is_played_answered_and_recorded_once(variables, bag, checkpoint, tmp_path) -> None:
    out = tmp_path / "answers"
    code, output = replay(variables, bag, checkpoint, f"out:={out}")
    assert code == 0, output
    assert stamps(out, "/detections") == ALL
    assert "not played, as it is published anew: /detections" in output


def test_the_topic_and_namespace_that_were_chosen_are_recorded(
    variables, bag, checkpoint, tmp_path
) -> None:
    out = tmp_path / "answers"
    more = [f"out:={out}", "output_topic:=/boxes", "namespace:=front"]
    code, output = replay(variables, bag, checkpoint, *more)
    assert code == 0, output
    assert stamps(out, "/boxes") == ALL


def test_a_teacher_beside_it_is_recorded(variables, bag, checkpoint, tmp_path) -> None:
    out = tmp_path / "answers"
    more = [f"out:={out}", "compare:=true", f"teacher:={checkpoint}", "every:=2"]
    code, output = replay(variables, bag, checkpoint, *more)
    assert code == 0, output
    assert stamps(out, "/detections") == ALL
    assert stamps(out, "/lidar_comparison/comparison")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["bag:=/no/such"], "/no/such: expected a recording"),
        (["checkpoint:=/no/such.safetensors", "out:={out}"], "/no/such.safetensors"),
        (["autostart:=false"], "it has been unconfigured for 10 s"),
        (["out:={here}"], "expected a new folder, it exists"),
        (["input_topic:=/rear"], "expected clouds on /rear"),
        (["params_file:=/no/such.yaml"], "expected a file of parameters"),
        (["rate:=0"], "rate: expected more than 0"),
    ],
    ids=["recording", "checkpoint", "autostart", "out", "topic", "parameters", "rate"],
)
def test_what_cannot_be_done_ends_all_with_an_exit_code(
    more, message, variables, bag, checkpoint, tmp_path
) -> None:
    places = {"out": tmp_path / "answers", "here": tmp_path}
    given = [text.format(**places) for text in more]
    code, output = replay(variables, bag, checkpoint, *given)
    assert code == 1
    assert message in output
    assert not (tmp_path / "answers").exists()


def test_ctrl_c_leaves_a_whole_recording(variables, bag, checkpoint, tmp_path) -> None:
    out = tmp_path / "answers"
    given = [f"bag:={bag}", f"checkpoint:={checkpoint}", f"out:={out}", "rate:=0.1"]
    with launching(REPLAY, [*given, "input_topic:=/velodyne"], variables) as process:
        read_until(process, process.stdout, "all are connected: playing")
    assert (out / "metadata.yaml").is_file()


def test_a_detector_that_dies_ends_all_with_an_exit_code(
    variables, bag, checkpoint, tmp_path
) -> None:
    out = tmp_path / "answers"
    given = [f"bag:={bag}", f"checkpoint:={checkpoint}", f"out:={out}", "rate:=0.1"]
    with launching(REPLAY, [*given, "input_topic:=/velodyne"], variables) as process:
        output = read_until(process, process.stdout, "all are connected: playing")
        pid = re.search(r"detector_node-1\]: process started with pid \[(\d+)\]", output)[1]
        os.kill(int(pid), signal.SIGKILL)
        rest, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "ended with exit code -9 before all was played and answered" in rest
    assert (out / "metadata.yaml").is_file()
