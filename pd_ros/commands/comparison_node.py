"""The teacher beside the detector as a program of its own.

ros2 run pd_ros comparison_node --ros-args -r points:=/velodyne_points -p every:=10
"""

import sys
from typing import TYPE_CHECKING

from pd_ros.process.memory import keep_freed_memory
from pd_ros.process.stop_signals import StopSignals

if TYPE_CHECKING:
    from pd_ros.ros.comparison_node import ComparisonNode


def main(arguments: list[str] | None = None) -> int:
    """Run the node until it is told to stop; returns the exit code."""
    signals = StopSignals(unfinished=False)  # before rclpy is imported
    keep_freed_memory()  # likewise: rclpy starts threads
    from pd_ros.ros.execution.program import start_program  # noqa: PLC0415

    return start_program("comparison_node", __doc__ or "", arguments, signals, _load)


def _load() -> "type[ComparisonNode]":
    from pd_ros.ros.comparison_node import ComparisonNode  # noqa: PLC0415

    return ComparisonNode


if __name__ == "__main__":
    sys.exit(main())
