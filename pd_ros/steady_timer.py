"""Timers that neither a recording nor a jump of the system's clock holds up."""

from collections.abc import Callable

from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.timer import Timer


def steady_timer(node: Node, period_s: float, callback: Callable[[], None]) -> Timer:
    """Call every ``period_s`` seconds of the machine.

    A node's own clock follows /clock with ``use_sim_time``: its timers stand still while a
    recording is paused, or before one is played.
    """
    return node.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))
