"""What a node is started with, apart from ROS."""

import argparse
import inspect
from collections.abc import Sequence

from rclpy.utilities import remove_ros_args

_OF_ROS = """arguments of ROS:
  -p NAME:=VALUE        set a parameter; docs/node/parameters.md has them all
  --params-file FILE    set those of a YAML file
  -r FROM:=TO           remap a topic, or __ns:=/NAMESPACE, __node:=NAME

ros2 param list and ros2 param describe show the parameters of a node that runs.
"""


def check_arguments(name: str, text: str, arguments: Sequence[str]) -> None:
    """Show the help of a node, and end, if that is asked for; end with exit code 2 for others.

    A node takes arguments of ROS only. ``text``: what it is, and an example.
    """
    parser = argparse.ArgumentParser(
        prog=name,
        usage=f"{name} [--help] [--ros-args ARGUMENT ...]",
        description=inspect.cleandoc(text),
        epilog=_OF_ROS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    try:
        others = remove_ros_args(list(arguments))
    except RuntimeError as error:  # rclpy's errors of arguments have nothing more in common
        parser.error(f"arguments of ROS: expected those that --help shows, got {error}")
    parser.parse_args(others)
