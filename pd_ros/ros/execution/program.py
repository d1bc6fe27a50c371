"""A node as a program: made, spun and taken down, with an exit code, whatever ends it."""

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import rclpy
from rclpy.context import Context
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.executors import ExternalShutdownException

from pd_ros.process.memory import keep_freed_memory
from pd_ros.process.stop_signals import Stopped, StopSignals
from pd_ros.ros.execution.guarded_executor import GuardedExecutor
from pd_ros.ros.fastdds import free_ports

_OF_THE_USER = (ValueError, OSError, InvalidParameterTypeException)


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
    keep_freed_memory()
    free_ports(name)
    rclpy.init(args=arguments)
    node: ProgramNode | None = None
    refused = False
    try:
        try:
            signals.raise_from_now_on(lambda: _leave(node))
            node = make()
            if node.begin():
                rclpy.spin(node, GuardedExecutor(node.note_failure, node.context))
            elif signals.told:
                node.exit_code = 0
        except ExternalShutdownException:
            pass
        except Exception as error:
            if rclpy.ok() and not signals.told:  # else that is why it failed
                refused = isinstance(error, _OF_THE_USER)
                if not refused:
                    raise
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
