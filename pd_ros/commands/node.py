"""The detector as a program.

ros2 run pd_ros detector_node --ros-args -r points:=/velodyne_points -p model.device:=auto
"""

import sys
from typing import TYPE_CHECKING

from pd_ros.process.memory import keep_freed_memory
from pd_ros.process.stop_signals import StopSignals

if TYPE_CHECKING:
    from pd_ros.ros.detector_node import DetectorNode


def main(arguments: list[str] | None = None) -> int:
    """Run the node until it is told to stop; returns the exit code."""
    signals = StopSignals(unfinished=False)  # before rclpy is imported
    keep_freed_memory()  # likewise: rclpy starts threads
    from pd_ros.ros.execution.program import start_program  # noqa: PLC0415

    return start_program("detector_node", __doc__ or "", arguments, signals, _load)


def _load() -> "type[DetectorNode]":
    from pd_ros.ros.detector_node import DetectorNode  # noqa: PLC0415

    return DetectorNode


if __name__ == "__main__":
    sys.exit(main())
