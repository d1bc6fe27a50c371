"""A node as a program: made, spun and taken down, with an exit code, whatever ends it."""

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import rclpy
from rclpy.executors import ExternalShutdownException

from pd_ros.dds_ports import free_ports
from pd_ros.memory import keep_freed_memory
from pd_ros.stop_signals import Stopped, StopSignals


class ProgramNode(Protocol):
    """What a node brings besides being one of rclpy's."""

    exit_code: int

    def begin(self) -> bool:
        """Start to work; returns whether it could, else with an exit code."""

    def close(self) -> None:
        """Stop working; raises ``TimeoutError`` if something hangs."""

    def destroy_node(self) -> None:
        """Take it out of ROS."""


def run_node(
    name: str,
    make: Callable[[], ProgramNode],
    arguments: list[str] | None,
    signals: StopSignals,
) -> int:
    """Run a node until it is told to stop; returns the exit code.

    ``ValueError`` and ``OSError`` of ``make`` are the user's to correct: one line, exit code 1.
    """
    keep_freed_memory()
    free_ports(name)
    rclpy.init(args=arguments)
    node: ProgramNode | None = None
    not_made = 0  # exit code without a node
    try:
        try:
            signals.raise_from_now_on()
            node = _made(name, make)
            if node is None:
                not_made = 1
            elif node.begin():
                rclpy.spin(node)
            elif signals.told:
                node.exit_code = 0
        except ExternalShutdownException:
            pass
        except Exception:
            if rclpy.ok() and not signals.told:  # else that is why it failed
                raise
        signals.close()
    except Stopped:  # maybe in close(): rclpy ends spinning before Python's handler runs
        pass
    finally:
        if node is not None:
            _end(name, node)
        with suppress(RuntimeError):  # rclpy's own handler of the signal may be doing it just now
            rclpy.try_shutdown()
        signals.ignore()
    return not_made if node is None else node.exit_code


def _made(name: str, make: Callable[[], ProgramNode]) -> ProgramNode | None:
    try:
        return make()
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{name}: {error}\n")
        return None


def _end(name: str, node: ProgramNode) -> None:
    try:
        node.close()
    except TimeoutError as error:  # its thread ends with the process
        sys.stderr.write(f"{name}: {error}\n")
        node.exit_code = 1
    node.destroy_node()
