"""A node as a program: its arguments, then made, spun and taken down, whatever ends it."""

import argparse
import inspect
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import rclpy
from rclpy.context import Context
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.executors import ExternalShutdownException
from rclpy.utilities import remove_ros_args

from pd_ros.process.stop_signals import Stopped, StopSignals
from pd_ros.ros.execution.guarded_executor import GuardedExecutor
from pd_ros.ros.fastdds import free_ports

_OF_THE_USER = (ValueError, OSError, InvalidParameterTypeException)

_OF_ROS = """arguments of ROS:
  -p NAME:=VALUE        set a parameter; docs/node/parameters.md has them all
  --params-file FILE    set those of a YAML file
  -r FROM:=TO           remap a topic, or __ns:=/NAMESPACE, __node:=NAME

ros2 param list and ros2 param describe show the parameters of a node that runs.
"""


class ProgramNode(Protocol):
    """What a node brings besides being one of rclpy's."""

    exit_code: int
    context: Context

    def begin(self) -> bool:
        """Start to work; returns whether it could, else with an exit code."""

    def note_failure(self, what: str, error: Exception) -> None:
        """Log and count a callback that raised an error; the node goes on."""

    def close(self) -> None:
        """Stop working within 3 s; raises ``TimeoutError`` if something hangs."""

    def destroy_node(self) -> None:
        """Take it out of ROS."""


def start_program(
    name: str,
    text: str,
    arguments: list[str] | None,
    signals: StopSignals,
    load: Callable[[], Callable[[], ProgramNode]],
) -> int:
    """Run a node with the arguments that were given, or those of the command line.

    ``text``: what the node is, and an example, for ``--help``. ``load`` imports the node, once
    the arguments are known to be good, and returns what makes it.
    """
    given = sys.argv[1:] if arguments is None else arguments
    _check_arguments(name, text, given)
    return run_node(name, load(), given, signals)


def _check_arguments(name: str, text: str, arguments: Sequence[str]) -> None:
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


def run_node(
    name: str,
    make: Callable[[], ProgramNode],
    arguments: list[str],
    signals: StopSignals,
) -> int:
    """Run a node until it is told to stop; returns the exit code.

    ``ValueError`` and ``OSError`` of ``make`` and ``begin`` are the user's to correct, and so is
    a parameter of rclpy's own of the wrong type: one line, exit code 1. ``make`` is to be quick:
    of a node that is not made yet, a stop while torch is imported leaves traces in DDS.
    """
    free_ports(name)
    rclpy.init(args=arguments)
    node: ProgramNode | None = None
    refused = False
    try:
        try:
            signals.raise_from_now_on(lambda: _leave(node))
            node = make()
            _spin(node, signals)
        except ExternalShutdownException:
            pass
        except Exception as error:
            if rclpy.ok() and not signals.told:  # else that is why it failed
                if not isinstance(error, _OF_THE_USER):
                    raise
                refused = True
                sys.stderr.write(f"{name}: {error}\n")
        signals.close()
    except Stopped:  # maybe in close(): rclpy ends spinning before Python's handler runs
        pass
    finally:
        if node is not None:
            _end(name, node)
        with suppress(RuntimeError):  # rclpy's own handler of the signal may be doing it just now
            rclpy.try_shutdown()
        signals.ignore()
    return int(refused) or (node.exit_code if node is not None else 0)


def _spin(node: ProgramNode, signals: StopSignals) -> None:
    """Work until told to stop; a stop before the work has begun is no failure."""
    if node.begin():
        rclpy.spin(node, GuardedExecutor(node.note_failure, node.context))
    elif signals.told:
        node.exit_code = 0


def _leave(node: ProgramNode | None) -> None:
    """Take a node out of ROS that cannot be closed, so that others see it go."""
    if node is not None:
        node.destroy_node()
    rclpy.try_shutdown()


def _end(name: str, node: ProgramNode) -> None:
    try:
        node.close()
    except TimeoutError as error:  # its thread ends with the process
        sys.stderr.write(f"{name}: {error}\n")
        node.exit_code = 1
    node.destroy_node()
