"""The detector; with compare:=true also a teacher beside it, with rviz:=true something to see.

ros2 launch pd_ros detector.launch.py input_topic:=/velodyne_points rviz:=true
ros2 launch pd_ros detector.launch.py --show-args
"""

import os
from pathlib import Path
from typing import Any

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node

SHARE = Path(__file__).resolve().parent.parent  # share/pd_ros, or the checkout
PROFILE_VARIABLE = "FASTRTPS_DEFAULT_PROFILES_FILE"
TRUTH = ["true", "false"]

# name, default, description, choices
ARGUMENTS: tuple[tuple[str, str, str, list[str] | None], ...] = (
    ("namespace", "", "namespace of all nodes; empty: none", None),
    ("params_file", str(SHARE / "config" / "node.yaml"), "parameters of the nodes", None),
    ("checkpoint", "", "student (.safetensors); empty: as params_file says, or the shipped one",
     None),
    ("device", "", "device of the student: auto, cpu or cuda:N; empty: as params_file says", None),
    ("input_topic", "points", "clouds (sensor_msgs/PointCloud2)", None),
    ("output_topic", "detections", "boxes (vision_msgs/Detection3DArray)", None),
    ("use_sim_time", "false", "take the time from /clock, for recordings", TRUTH),
    ("autostart", "true", "configure and activate; false under a lifecycle manager", TRUTH),
    ("log_level", "info", "log level of the nodes",
     ["debug", "info", "warn", "error", "fatal"]),
    ("respawn", "true", "start a node again, after 2 s, if it ends with an error", TRUTH),
    ("dds_profile", "shm", "shm: shared memory for large clouds, shipped, unless"
     f" {PROFILE_VARIABLE} is set; none; or the path of an own Fast DDS profile. Other"
     " middleware does not read it", None),
    ("rviz", "false", "open RViz", TRUTH),
    ("rviz_frame", "lidar", "fixed frame of RViz", None),
    ("compare", "false", "run a teacher beside the student, in its own process, and say where"
     " they differ", TRUTH),
    ("teacher", "", "teacher (.safetensors); empty: as params_file says, or the shipped one",
     None),
    ("teacher_device", "", "device of the teacher: cpu, cuda:N or auto; empty: as params_file"
     " says", None),
    ("every", "", "compare every so many clouds; empty: as params_file says", None),
    ("record_folder", "", "where the clouds of the largest disagreement are kept; empty: as"
     " params_file says, or nowhere", None),
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
    actions = [*_dds_profile(value["dds_profile"]), _detector(value)]
    if value["compare"] == "true":
        actions.append(_comparison(value))
    if value["rviz"] == "true":
        actions.append(_rviz(value))
    return actions


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
    }
    return LifecycleNode(
        executable="detector_node",
        name="lidar_detector",
        parameters=[
            value["params_file"],
            {
                **_given(parameters),
                "autostart": value["autostart"] == "true",
                "use_sim_time": value["use_sim_time"] == "true",
            },
        ],
        **_common(value),
    )


def _comparison(value: dict[str, str]) -> Node:
    parameters = {
        "teacher.checkpoint": value["teacher"],
        "teacher.device": value["teacher_device"],
        "every": int(value["every"]) if value["every"] else "",
        "record.folder": value["record_folder"],
    }
    return Node(
        executable="comparison_node",
        name="lidar_comparison",
        parameters=[
            value["params_file"],
            {**_given(parameters), "use_sim_time": value["use_sim_time"] == "true"},
        ],
        **_common(value),
    )


def _common(value: dict[str, str]) -> dict[str, Any]:
    """What both nodes have."""
    return {
        "package": "pd_ros",
        "namespace": value["namespace"],
        "remappings": [
            ("points", value["input_topic"]),
            ("detections", value["output_topic"]),
        ],
        "ros_arguments": ["--log-level", value["log_level"]],
        "output": "screen",
        "emulate_tty": True,
        "respawn": value["respawn"] == "true",
        "respawn_delay": 2.0,
    }


def _given(parameters: dict[str, Any]) -> dict[str, Any]:
    """Those that the command line sets; the others are left to params_file."""
    return {name: value for name, value in parameters.items() if value != ""}


def _rviz(value: dict[str, str]) -> Node:
    kind = "compare" if value["compare"] == "true" else "detector"
    prefix = f"/{value['namespace'].strip('/')}".rstrip("/")
    return Node(
        package="rviz2",
        executable="rviz2",
        arguments=["-d", str(SHARE / "config" / "rviz" / f"{kind}.rviz"),
                   "-f", value["rviz_frame"]],
        parameters=[{"use_sim_time": value["use_sim_time"] == "true"}],
        remappings=[
            ("/points", _absolute(prefix, value["input_topic"])),
            ("/lidar_detector/markers", f"{prefix}/lidar_detector/markers"),
            ("/lidar_comparison/markers", f"{prefix}/lidar_comparison/markers"),
        ],
    )  # fmt: skip


def _absolute(prefix: str, topic: str) -> str:
    return topic if topic.startswith("/") else f"{prefix}/{topic}"
