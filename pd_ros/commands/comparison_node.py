"""The teacher beside the detector as a program of its own.

ros2 run pd_ros comparison_node --ros-args -r points:=/velodyne_points -p every:=10
"""

import sys

from pd_ros.process.stop_signals import StopSignals


def main(arguments: list[str] | None = None) -> int:
    """Run the node until it is told to stop; returns the exit code."""
    signals = StopSignals(unfinished=False)  # before rclpy is imported
    from pd_ros.ros.execution.arguments import check_arguments  # noqa: PLC0415

    given = sys.argv[1:] if arguments is None else arguments
    check_arguments("comparison_node", __doc__ or "", given)
    from pd_ros.ros.comparison_node import ComparisonNode  # noqa: PLC0415
    from pd_ros.ros.execution.program import run_node  # noqa: PLC0415

    return run_node("comparison_node", ComparisonNode, given, signals)


if __name__ == "__main__":
    sys.exit(main())
