"""Play a recording to a detector that runs, by `ros2 bag`, and record what it answers.

ros2 run pd_ros live_bag --bag drive --out answers --ros-args -r points:=/velodyne_points
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pd_ros.process.run_command import command_parser
from pd_ros.process.stop_signals import Stopped, StopSignals
from pd_ros.ros.bag.child_process import ChildProcess

_STOP_S = 30.0  # a recorder has to write what it holds


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code: 0 if clouds were played, answered and recorded."""
    signals = StopSignals(unfinished=True)
    from rclpy.utilities import remove_ros_args  # noqa: PLC0415

    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = _parser()
    try:
        others = remove_ros_args(given)
    except RuntimeError as error:  # rclpy's errors of arguments have nothing more in common
        parser.error(f"arguments of ROS: {error}")
    options = parser.parse_args(others)
    children: list[ChildProcess] = []
    try:
        signals.raise_from_now_on()
        sys.stdout.write(_run(options, given, children) + "\n")
    except Stopped:
        return 0 if options.loop else signals.exit_code  # a loop has no other end
    except (ValueError, OSError, TimeoutError) as error:
        sys.stderr.write(f"live_bag: {error}\n")
        return 2
    finally:
        signals.ignore()
        for child in reversed(children):
            child.end(_STOP_S)
    return 0


def _run(options: argparse.Namespace, given: list[str], children: list[ChildProcess]) -> str:
    import rclpy  # noqa: PLC0415
    from rclpy.signals import SignalHandlerOptions  # noqa: PLC0415

    from pd_ros.ros.bag.commands import Playback, look_at_recording  # noqa: PLC0415

    try:
        from pd_ros.ros.bag.client import LiveBagClient  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ValueError(f"{error}; expected ROS with `ros2 bag`: install ros-jazzy-ros2bag and"
                         " source ROS's setup.bash") from None  # fmt: skip
    from pd_ros.ros.bag.session import play_to_detector, recorded_answers  # noqa: PLC0415
    from pd_ros.ros.fastdds import free_ports  # noqa: PLC0415

    playback = Playback(
        options.bag, options.rate, options.start_offset, options.duration, options.loop,
        options.clock,
    )  # fmt: skip
    if options.out is not None and options.out.exists():
        raise ValueError(f"{options.out}: expected a new folder, it exists; name another one")
    free_ports("live_bag")
    rclpy.init(args=given, signal_handler_options=SignalHandlerOptions.NO)
    try:
        client = LiveBagClient(options.compare)
        contents = look_at_recording(playback, client.clouds)
        play_to_detector(client, playback, contents, options.out, children, options.wait)
        answers, kept = client.answers, ""
        if options.out is not None:
            recorder = children[0]
            whole = recorder.end(_STOP_S)
            answers = recorded_answers(options.out, client.answered, whole)
            lost = f" (of {client.answers} heard)" if answers < client.answers else ""
            kept = f"{lost}, recorded in {options.out}"
    finally:
        rclpy.try_shutdown()
    if not answers:
        raise ValueError(
            f"{options.bag}: expected answers, the detector gave none for {contents.clouds}"
            " clouds; see its log and its diagnostics"
        )
    clouds = f"{contents.clouds} clouds in the recording"
    return f"{options.bag}: {clouds}, {answers} answers{kept}"


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "pd_ros.live_bag",
        "Play a recording to a detector that runs, by `ros2 bag`, and record what it answers.",
        "example: python -m pd_ros.live_bag --bag drive --out answers --ros-args"
        " -r points:=/velodyne_points\n\n-r points:=TOPIC, -r detections:=TOPIC,"
        " -r lidar_detector/objects:=TOPIC and -r __ns:=NAMESPACE as the detector's",
    )
    add = parser.add_argument
    add("--bag", type=Path, required=True, help="recording (rosbag2: folder, .mcap, .db3)")
    add("--out", type=Path, help="new folder for a recording of the answers; default: none")
    add("--rate", type=float, default=1.0, help="times the recorded pace")
    add("--start-offset", type=float, default=0.0, help="seconds to leave out at the start")
    add("--duration", type=float, default=-1.0, help="seconds to play; -1: all")
    add("--loop", action="store_true", help="start again at the end")
    add("--clock", type=float, default=1000.0, metavar="HZ", help="rate of /clock")
    add("--compare", action="store_true", help="a teacher is there, too: wait for it, record it")
    add("--wait", type=float, default=120.0, metavar="S", help="for the detector to be active")
    return parser
