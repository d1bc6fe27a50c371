"""A recording played to the detector in real time; its boxes and diagnostics are recorded.

ros2 launch pd_ros replay.launch.py bag:=drive input_topic:=/velodyne_points out:=answers

The player starts paused and is resumed when detector and recorder listen. It ends with exit code
0 when it was played to its end, answered and recorded, and else with 1. What the detector has no
time for is dropped, as on a vehicle. For figures that can be repeated use `ros2 run pd_ros
evaluate_recording`.
"""

from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
)
from launch.event_handlers import OnProcessExit
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

DETECTOR = Path(__file__).resolve().parent / "detector.launch.py"
# It ends the recorder, which has to write what it holds.
STOP_S = "40"

# name, default (None: it has to be given), description, choices
ARGUMENTS: tuple[tuple[str, str | None, str, list[str] | None], ...] = (
    ("bag", None, "recording (rosbag2)", None),
    ("rate", "1.0", "times the recorded pace", None),
    ("start_offset", "0.0", "seconds to leave out at the start", None),
    ("duration", "-1.0", "seconds to play; -1: all", None),
    ("loop", "false", "start again at the end", ["true", "false"]),
    ("clock_hz", "1000", "of /clock; at rosbag2's own 40 Hz times are 25 ms coarse", None),
    ("out", "", "new folder for a recording of boxes and diagnostics; empty: none", None),
    ("wait", "120", "seconds for the detector to be active", None),
)


def generate_launch_description() -> LaunchDescription:
    """Return the detector, and what plays the recording to it when it is active."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text, choices=choices)
        for name, default, text, choices in ARGUMENTS
    ]
    detector = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(DETECTOR)),
        launch_arguments={"use_sim_time": "true", "respawn": "false"}.items(),
    )
    over = RegisterEventHandler(OnProcessExit(target_action=_is_needed, on_exit=_end))
    return LaunchDescription([*declared, over, detector, OpaqueFunction(function=_start)])


def _start(context: LaunchContext) -> list[Any]:
    value = {name: LaunchConfiguration(name).perform(context) for name, *_ in ARGUMENTS}
    of_detector = ("namespace", "input_topic", "output_topic", "objects_topic", "compare")
    value |= {name: LaunchConfiguration(name).perform(context) for name in of_detector}
    command = ["--bag", value["bag"], "--clock", value["clock_hz"], "--wait", value["wait"]]
    command += ["--rate", value["rate"], "--start-offset", value["start_offset"]]
    command += ["--duration", value["duration"]]
    command += ["--out", value["out"]] if value["out"] else []
    command += ["--loop"] if value["loop"] == "true" else []
    command += ["--compare"] if value["compare"] == "true" else []
    topics = {
        "points": value["input_topic"],
        "detections": value["output_topic"],
        "lidar_detector/objects": value["objects_topic"],
    }
    player = Node(
        package="pd_ros",
        executable="live_bag",
        namespace=value["namespace"],
        arguments=command,
        remappings=[(name, topic) for name, topic in topics.items() if topic],
        output="screen",
        sigterm_timeout=STOP_S,
    )
    return [player]


def _is_needed(action: Any) -> bool:
    """Whether all is over when it ends; not so RViz, which anybody may close."""
    return isinstance(action, Node) and action.node_package == "pd_ros"


def _end(event: ProcessExited, context: LaunchContext) -> list[Any] | None:
    """End all that runs; an exception is how launch comes to an exit code other than 0."""
    if context.is_shutdown:
        return None
    if event.action.node_executable == "live_bag" and event.returncode == 0:
        return [Shutdown(reason="played")]
    raise RuntimeError(
        f"{event.process_name} ended with exit code {event.returncode} before all was played and"
        " answered; see its log above"
    )
