"""detector.launch.py run by the real launch: what it sets, what it refuses, what it restarts."""

import os
from pathlib import Path

import pytest

pytest.importorskip("launch_ros", reason="launch_ros is not installed")
pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")

import rclpy
from launch_here import LAUNCH, environment, install, launched, launching, real
from lifecycle_msgs.srv import GetState
from patience import PATIENCE_S
from rcl_interfaces.srv import GetParameters

DETECTOR = LAUNCH / "detector.launch.py"
# notes its arguments, and ends as it is told
NOTES = 'echo "$@" >> "$NOTES"; eval "$END"'


@pytest.fixture
def notes(tmp_path):
    return tmp_path / "notes"


@pytest.fixture
def variables(tmp_path, notes):
    prefix = install(tmp_path / "prefix", detector_node=NOTES, comparison_node=NOTES)
    return environment(prefix, NOTES=str(notes), END="exit 0")


def starts(notes: Path) -> list[str]:
    return notes.read_text().splitlines() if notes.exists() else []


def test_without_arguments_nothing_is_set(variables, notes) -> None:
    code, output = launched(DETECTOR, [], variables)
    assert code == 0, output
    (line,) = starts(notes)
    assert line == "--ros-args -r __node:=lidar_detector -r __ns:=/"


def test_what_is_given_is_set_and_no_more(variables, notes) -> None:
    given = ["input_topic:=/velodyne", "log_level:=warn", "namespace:=front"]
    code, output = launched(DETECTOR, given, variables)
    assert code == 0, output
    (line,) = starts(notes)
    assert "-r points:=/velodyne" in line and "__ns:=/front" in line
    assert "--log-level warn" in line
    assert "detections" not in line and "params" not in line and "-p" not in line.split()


def parameter_file(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


PARAMETERS = """
/**/lidar_detector:
  ros__parameters:
    autostart: false
    use_sim_time: true
    postprocess.max_detections: 17
"""


def ask(node, kind, name: str, request):
    """Call a service as soon as it is there."""
    client = node.create_client(kind, name)
    assert client.wait_for_service(PATIENCE_S), f"expected service {name}"
    future = client.call_async(request)
    rclpy.spin_until_future_complete(node, future, timeout_sec=PATIENCE_S)
    return future.result()


@pytest.fixture
def client():
    rclpy.init(args=[])
    node = rclpy.create_node("launch_test")
    yield node
    node.destroy_node()
    rclpy.try_shutdown()


def look(client, name: str, *parameters: str):
    """Values of a node's parameters, and its lifecycle state."""
    request = GetParameters.Request(names=list(parameters))
    values = ask(client, GetParameters, f"{name}/get_parameters", request).values
    state = ask(client, GetState, f"{name}/get_state", GetState.Request()).current_state.label
    return [value.bool_value or value.integer_value for value in values], state


@pytest.fixture
def real_variables(tmp_path):
    return environment(install(tmp_path / "real", detector_node=real("pd_ros.node")))


def test_a_parameter_file_is_not_overridden(client, real_variables, tmp_path) -> None:
    path = parameter_file(tmp_path / "mine.yaml", PARAMETERS)
    space = f"launch_{os.getpid()}"
    given = [f"params_file:={path}", f"namespace:={space}"]
    with launching(DETECTOR, given, real_variables):
        found = look(
            client, f"/{space}/lidar_detector",
            "autostart", "use_sim_time", "postprocess.max_detections",
        )  # fmt: skip
    assert found == ([False, True, 17], "unconfigured")


GROUP = """
from launch import LaunchDescription
from launch.actions import GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import PushRosNamespace, SetParameter, SetRemap

def generate_launch_description():
    return LaunchDescription([GroupAction([
        PushRosNamespace("{space}"),
        SetParameter("use_sim_time", True),
        SetParameter("autostart", False),
        SetParameter("postprocess.max_detections", 9),
        SetRemap("points", "/cloud"),
        IncludeLaunchDescription(PythonLaunchDescriptionSource("{file}")),
    ])])
"""


def test_what_a_group_sets_reaches_the_node(client, real_variables, tmp_path) -> None:
    space = f"group_{os.getpid()}"
    group = tmp_path / "group.launch.py"
    group.write_text(GROUP.format(space=space, file=DETECTOR))
    with launching(group, [], real_variables):
        found = look(
            client, f"/{space}/lidar_detector",
            "autostart", "use_sim_time", "postprocess.max_detections",
        )  # fmt: skip
    assert found == ([False, True, 9], "unconfigured")


def test_the_topics_of_a_group_are_kept(variables, notes, tmp_path) -> None:
    group = tmp_path / "group.launch.py"
    group.write_text(GROUP.format(space="rear", file=DETECTOR))
    code, output = launched(group, [], variables)
    assert code == 0, output
    (line,) = starts(notes)
    assert "points:=/cloud" in line and "points:=points" not in line
    assert "__ns:=/rear" in line


def test_an_argument_goes_before_the_parameter_file(client, real_variables, tmp_path) -> None:
    path = parameter_file(tmp_path / "mine.yaml", PARAMETERS)
    space = f"before_{os.getpid()}"
    given = [f"params_file:={path}", f"namespace:={space}", "use_sim_time:=false"]
    with launching(DETECTOR, given, real_variables):
        found = look(client, f"/{space}/lidar_detector", "autostart", "use_sim_time")
    assert found == ([False, False], "unconfigured")


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        (None, [], "expected a file of parameters, got none"),
        ("/**/lidar_detectr:\n  ros__parameters: {a: 1}\n", [],
         "expected parameters of /lidar_detector, got those of /**/lidar_detectr"),
        ("/front/lidar_detector:\n  ros__parameters: {a: 1}\n", ["namespace:=rear"],
         "expected parameters of /rear/lidar_detector"),
        (PARAMETERS, ["compare:=true"], "expected parameters of /lidar_comparison"),
    ],
    ids=["missing", "misspelt", "other namespace", "no teacher"],
)  # fmt: skip
def test_a_parameter_file_for_nobody_is_an_error_before_the_start(
    text, more, message, variables, notes, tmp_path
) -> None:
    path = tmp_path / "mine.yaml"
    if text is not None:
        path.write_text(text)
    code, output = launched(DETECTOR, [f"params_file:={path}", *more], variables)
    assert code == 1
    assert message in output and str(path) in output
    assert starts(notes) == []


@pytest.mark.parametrize(
    ("end", "limit", "count", "said"),
    [
        ("exit 0", 2, 1, "it was told to end"),
        ("exit 1", 2, 1, "cannot work as it is set up"),
        ("exit 70", 2, 3, "2 starts in a row did not help"),
        ("kill -9 $$", 1, 2, "exit code -9, and 1 starts in a row"),
        ("exit 70", 0, 1, "0 starts in a row"),
    ],
)
def test_the_exit_code_and_a_limit_decide_whether_it_starts_again(
    end, limit, count, said, variables, notes
) -> None:
    given = [f"respawn_limit:={limit}"]
    code, output = launched(DETECTOR, given, {**variables, "END": end})
    assert code == 0, output
    assert len(starts(notes)) == count
    assert len(set(starts(notes))) == 1  # with the same arguments
    assert said in output


def test_respawn_can_be_left_out(variables, notes) -> None:
    code, _ = launched(DETECTOR, ["respawn:=false"], {**variables, "END": "exit 70"})
    assert code == 0
    assert len(starts(notes)) == 1


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("respawn_limit:=many", "respawn_limit: expected a whole number, got 'many'"),
        ("dds_profile:=/no/such.xml", "dds_profile: expected shm, none or a file"),
        ("autostart:=perhaps", "autostart"),
    ],
)
def test_a_bad_argument_is_an_error_before_the_start(argument, message, variables, notes) -> None:
    code, output = launched(DETECTOR, [argument], variables)
    assert code == 1
    assert message in output
    assert starts(notes) == []
