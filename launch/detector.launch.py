"""The detector; with compare:=true also a teacher beside it, with rviz:=true something to see.

ros2 launch pd_ros detector.launch.py input_topic:=/velodyne_points rviz:=true
ros2 launch pd_ros detector.launch.py --show-args

An argument that is left empty sets nothing: what a params_file, a group or the environment says
then holds, and else the node's own defaults.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    LogInfo,
    OpaqueFunction,
    SetEnvironmentVariable,
    TimerAction,
)
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node
from launch_ros.utilities import make_namespace_absolute, prefix_namespace

sys.path.append(str(Path(__file__).resolve().parent))  # what lies beside this file

from pd_ros_launch.parameter_file import check_parameter_file
from pd_ros_launch.respawn import DELAY_S, Respawn

SHARE = Path(__file__).resolve().parent.parent  # share/pd_ros, or the checkout
PROFILE_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"
TRUTH = ["true", "false"]
PERHAPS = ["", *TRUTH]

# name, default, description, choices
ARGUMENTS: tuple[tuple[str, str, str, list[str] | None], ...] = (
    ("namespace", "", "namespace of all nodes, within that of a group", None),
    ("params_file", "", "parameters of the nodes, as in config/node.yaml", None),
    ("checkpoint", "", "student (.safetensors); else the shipped one", None),
    ("device", "", "device of the student: auto, cpu or cuda:N", None),
    ("input_topic", "", "clouds (sensor_msgs/PointCloud2); else points", None),
    ("output_topic", "", "boxes (vision_msgs/Detection3DArray); else detections", None),
    ("objects_topic", "", "boxes for Autoware (autoware_perception_msgs/DetectedObjects), where"
     " output.message asks for them; else lidar_detector/objects", None),
    ("use_sim_time", "", "take the time from /clock, for recordings", PERHAPS),
    ("autostart", "", "configure and activate; false under a lifecycle manager", PERHAPS),
    ("log_level", "", "log level of the nodes",
     ["", "debug", "info", "warn", "error", "fatal"]),
    ("respawn", "true", f"start a node again, after {DELAY_S:g} s, if it crashed or lost its"
     " device; not if it cannot work as it is set up", TRUTH),
    ("respawn_limit", "5", "starts in a row, each less than a minute after the one before", None),
    ("dds_profile", "shm", "shm: shared memory for large clouds, shipped, unless"
     f" {PROFILE_VARIABLE} is set; none; or the path of an own Fast DDS profile. Other"
     " middleware does not read it", None),
    ("rviz", "false", "open RViz", TRUTH),
    ("rviz_frame", "lidar", "fixed frame of RViz", None),
    ("compare", "false", "run a teacher beside the student, in its own process, and say where"
     " they differ", TRUTH),
    ("teacher", "", "teacher (.safetensors); else the shipped one", None),
    ("teacher_device", "", "device of the teacher: cpu, cuda:N or auto", None),
    ("every", "", "compare every so many clouds", None),
    ("record_folder", "", "where the clouds of the largest disagreement are kept; else nowhere",
     None),
)  # fmt: skip


def generate_launch_description() -> LaunchDescription:
    """Return the arguments, and what is started with their values."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text, choices=choices)
        for name, default, text, choices in ARGUMENTS
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_start)])


def _start(context: LaunchContext) -> list[Any]:
    value = {name: LaunchConfiguration(name).perform(context) for name, *_ in ARGUMENTS}
    nodes = {"lidar_detector": _detector}
    if value["compare"] == "true":
        nodes["lidar_comparison"] = _comparison
    if value["params_file"]:
        space = _namespace(context, value)
        names = [f"{space}/{name}" for name in nodes]
        check_parameter_file(Path(value["params_file"]), names)
    actions = [*_dds_profile(value["dds_profile"]), *(make(value) for make in nodes.values())]
    if value["rviz"] == "true":
        actions.append(_rviz(context, value))
    return actions


def _namespace(context: LaunchContext, value: dict[str, str]) -> str:
    """Where the nodes lie: "" or "/a/b", with the namespaces that groups pushed."""
    pushed = context.launch_configurations.get("ros_namespace")
    return str(make_namespace_absolute(prefix_namespace(pushed, value["namespace"]))).rstrip("/")


def _dds_profile(choice: str) -> list[Any]:
    """Set Fast DDS' own variable, and nothing that chooses a middleware."""
    if choice == "none":
        return []
    if choice == "shm" and os.environ.get(PROFILE_VARIABLE):
        return [LogInfo(msg=f"Fast DDS profile: {os.environ[PROFILE_VARIABLE]}, as it was set")]
    path = SHARE / "config" / "dds" / "fastdds_shm.xml" if choice == "shm" else Path(choice)
    if not path.is_file():
        raise ValueError(f"dds_profile: expected shm, none or a file, got {path}; correct it")
    return [SetEnvironmentVariable(PROFILE_VARIABLE, str(path))]


def _detector(value: dict[str, str]) -> LifecycleNode:
    """Run the detector; a LifecycleNode here tells other launch files when it is active."""
    parameters = {
        "model.checkpoint": value["checkpoint"],
        "model.device": value["device"],
        "autostart": _truth(value["autostart"]),
        "use_sim_time": _truth(value["use_sim_time"]),
    }
    return LifecycleNode(
        executable="detector_node", name="lidar_detector", **_common(value, parameters)
    )


def _comparison(value: dict[str, str]) -> Node:
    parameters = {
        "teacher.checkpoint": value["teacher"],
        "teacher.device": value["teacher_device"],
        "every": _whole("every", value["every"]) if value["every"] else "",
        "record.folder": value["record_folder"],
        "use_sim_time": _truth(value["use_sim_time"]),
    }
    return Node(
        executable="comparison_node", name="lidar_comparison", **_common(value, parameters)
    )


def _common(value: dict[str, str], parameters: dict[str, Any]) -> dict[str, Any]:
    """Return what both nodes have; of the parameters, those that an argument sets."""
    given = {name: setting for name, setting in parameters.items() if setting != ""}
    files = [value["params_file"]] if value["params_file"] else []
    level = ["--log-level", value["log_level"]] if value["log_level"] else None
    remappings = {
        "points": value["input_topic"],
        "detections": value["output_topic"],
        "lidar_detector/objects": value["objects_topic"],
    }
    return {
        "package": "pd_ros",
        "namespace": value["namespace"],
        "parameters": [*files, *([given] if given else [])],
        "remappings": [(name, topic) for name, topic in remappings.items() if topic],
        "ros_arguments": level,
        "on_exit": _respawn(value) if value["respawn"] == "true" else None,
        **_SHOWN,
    }


_SHOWN = {"output": "screen", "emulate_tty": True}


def _respawn(value: dict[str, str]) -> Callable[[ProcessExited, LaunchContext], list[Any] | None]:
    """Start a node's process again where that can help: launch's own respawn asks for no reason.

    The process and not the action: launch's lifecycle events go on being those of the first one.
    """
    policy = Respawn(_whole("respawn_limit", value["respawn_limit"]))

    def on_exit(event: ProcessExited, context: LaunchContext) -> list[Any] | None:
        if context.is_shutdown:
            return None
        reason = policy.why_not(event.returncode)
        if reason:
            return [LogInfo(msg=f"{event.process_name}: not started again: {reason}")]
        again = ExecuteProcess(
            cmd=event.cmd, cwd=event.cwd, env=event.env, on_exit=on_exit, **_SHOWN
        )
        return [TimerAction(period=DELAY_S, actions=[again])]

    return on_exit


def _whole(name: str, text: str) -> int:
    if not text.isdecimal():
        raise ValueError(f"{name}: expected a whole number, got {text!r}; correct it")
    return int(text)


def _truth(value: str) -> bool | str:
    return value == "true" if value else ""


def _rviz(context: LaunchContext, value: dict[str, str]) -> Node:
    kind = "compare" if value["compare"] == "true" else "detector"
    space = _namespace(context, value)
    simulated = _truth(value["use_sim_time"])
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", str(SHARE / "config" / "rviz" / f"{kind}.rviz"),
                   "-f", value["rviz_frame"]],
        parameters=[{"use_sim_time": simulated}] if simulated != "" else [],
        remappings=[
            ("/points", _absolute(space, value["input_topic"] or "points")),
            ("/lidar_detector/markers", f"{space}/lidar_detector/markers"),
            ("/lidar_comparison/markers", f"{space}/lidar_comparison/markers"),
        ],
    )  # fmt: skip


def _absolute(prefix: str, topic: str) -> str:
    return topic if topic.startswith("/") else f"{prefix}/{topic}"
