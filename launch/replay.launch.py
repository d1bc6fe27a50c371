"""A recording played to the detector in real time; its boxes and diagnostics are recorded.

ros2 launch pd_ros replay.launch.py bag:=drive input_topic:=/velodyne_points out:=answers

What the detector has no time for is dropped, as on a vehicle. For figures that can be repeated
use `ros2 run pd_ros evaluate_recording`.
"""

from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.event_handlers import OnStateTransition

DETECTOR = Path(__file__).resolve().parent / "detector.launch.py"

# name, default (None: it has to be given), description
ARGUMENTS: tuple[tuple[str, str | None, str], ...] = (
    ("bag", None, "recording (rosbag2)"),
    ("rate", "1.0", "times the recorded pace"),
    ("start_offset", "0.0", "seconds to leave out at the start"),
    ("duration", "-1.0", "seconds to play; -1: all"),
    ("loop", "false", "start again at the end: true or false"),
    ("clock_hz", "1000", "of /clock; at rosbag2's own 40 Hz times are 25 ms coarse"),
    ("out", "", "new folder for a recording of boxes and diagnostics; empty: none"),
)


def generate_launch_description() -> LaunchDescription:
    """Return the detector, and the player that starts when it is active."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, default, text in ARGUMENTS
    ]
    detector = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(DETECTOR)),
        launch_arguments={"use_sim_time": "true", "respawn": "false"}.items(),
    )
    return LaunchDescription([*declared, OpaqueFunction(function=_start), detector])


def _start(context: LaunchContext) -> list[Any]:
    value = {name: LaunchConfiguration(name).perform(context) for name, *_ in ARGUMENTS}
    player = OnStateTransition(goal_state="active", entities=[_player(value)])
    return [RegisterEventHandler(player), *_recorder(value)]


def _player(value: dict[str, str]) -> ExecuteProcess:
    command = ["ros2", "bag", "play", value["bag"], "--clock", value["clock_hz"]]
    command += ["--rate", value["rate"], "--start-offset", value["start_offset"]]
    command += ["--playback-duration", value["duration"], "--disable-keyboard-controls"]
    if value["loop"] == "true":
        command.append("--loop")
    return ExecuteProcess(cmd=command, output="screen", on_exit=Shutdown(reason="played"))


def _recorder(value: dict[str, str]) -> list[ExecuteProcess]:
    if not value["out"]:
        return []
    topics = "(.*/)?(detections|diagnostics|comparison)"
    command = ["ros2", "bag", "record", "--use-sim-time", "--output", value["out"]]
    return [ExecuteProcess(cmd=[*command, "--regex", topics], output="screen")]
