"""Make a student for your own LiDAR out of the one that ships.

python -m training.adapt --sensor vlp16 --height 0.8 --out my_student.safetensors
"""

import argparse
import logging
import sys
from pathlib import Path

from pd_ros.detection.checkpoint import read_config
from pd_ros.detection.shipped import find_checkpoint
from pd_ros.process.run_command import command_parser, run_command
from training.adapt.own_clouds import Taken, is_written, open_recordings, refuse_other_sensor
from training.adapt.request import MODEL_HEIGHT_M, Places, Request, keep_request
from training.adapt.scenes import Setting
from training.adapt.steps import adapt
from training.adapt.work import Work
from training.simulate.lidar.sensor_files import load_rig, sensor_names

_LOG = logging.getLogger("training.adapt")
_EXAMPLES = """examples:
  python -m training.adapt --sensor vlp16 --height 0.8 --out my_student.safetensors
  python -m training.adapt --sensor my_lidar.yaml --height 1.2 --pitch 2 --classes car pedestrian
      --bag drive_1.mcap drive_2.mcap --out my_student.safetensors --minutes 120
  torchrun --nproc-per-node 2 -m training.adapt --sensor vlp16 ...
"""


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    return run_command("training.adapt", lambda: adapt(_work(options)), _LOG)


def _work(options: argparse.Namespace) -> Work:
    """Check everything that can be wrong before anything takes long."""
    if options.out.suffix != ".safetensors":
        raise ValueError(f"--out: expected a name that ends in .safetensors, got {options.out}")
    if options.workers < 1:
        raise ValueError(f"--workers: expected at least 1, got {options.workers}")
    rig = load_rig(options.sensor)
    base, teacher = (find_checkpoint(path) for path in (options.base, options.teacher))
    request = Request(
        sensor=options.sensor,
        sensor_content=repr(rig),
        height_m=options.height,
        pitch_deg=options.pitch,
        roll_deg=options.roll,
        base=str(base),
        teacher=str(teacher),
        classes=_classes(options.classes, base),
        recordings=tuple(str(path) for path in options.bag),
        minutes=options.minutes,
        seed=options.seed,
    )
    recordings = open_recordings(options.bag, Taken(options.topic, options.intensity_scale))
    places = Places(options.out)
    if not is_written(places.own):  # else they were looked at before
        refuse_other_sensor(recordings, rig)
    keep_request(places, request)
    dense = load_rig(options.teacher_sensor)
    setting = Setting(rig, options.height, options.pitch, options.roll, dense)
    return Work(places, request, setting, recordings, options.intensity_scale, options.workers)


def _classes(asked: list[str] | None, base: Path) -> tuple[str, ...]:
    known = read_config(base).classes
    if unknown := sorted(set(asked or ()) - set(known)):
        raise ValueError(f"--classes: {base} knows {', '.join(known)}, got {', '.join(unknown)}")
    return known if asked is None else tuple(name for name in known if name in asked)


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "training.adapt",
        "Make a student for your own LiDAR: simulate streets as it sees them, distil the student"
        " that ships on them, choose thresholds, and write a report and a parameter file for the"
        " node. The same command goes on after Ctrl-C.",
        _EXAMPLES,
    )
    _add_sensor(parser)
    _add_student(parser)
    return parser


def _add_sensor(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--sensor", required=True,
        help=f"{', '.join(sensor_names())}, or the YAML file of a sensor or a rig",
    )  # fmt: skip
    add("--height", type=float, default=MODEL_HEIGHT_M, help="m, of the sensor above the ground")
    add("--pitch", type=float, default=0.0, help="degrees; positive looks down")
    add("--roll", type=float, default=0.0, help="degrees; positive lowers the right side")
    add(
        "--bag", type=Path, nargs="+", default=[], metavar="RECORDING",
        help="your own recordings or folders of clouds, without labels: the student learns from"
        " them, too, and the report shows them",
    )  # fmt: skip
    add("--topic", help="of the clouds in the recordings; default: the only PointCloud2 topic")
    add(
        "--intensity-scale",
        type=float,
        default=1.0,
        help="brings the recordings' intensities to [0, 1]; see pd_ros.inspect_cloud",
    )


def _add_student(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--out", type=Path, required=True,
        help="the student, NAME.safetensors; all else goes to the folder NAME beside it",
    )  # fmt: skip
    add("--classes", nargs="+", help="that the node publishes; default: all of the student")
    add("--minutes", type=float, default=60.0, help="how long it may take, roughly")
    add("--base", type=Path, default=Path("sim_student"), help="student to start from")
    add("--teacher", type=Path, default=Path("sim_teacher"), help="checkpoint that teaches")
    add("--teacher-sensor", default="hdl64e", help="sensor that the teacher looks through")
    add("--workers", type=int, default=2, help="processes that simulate")
    add("--seed", type=int, default=1, help="of scenes and training")


if __name__ == "__main__":
    sys.exit(main())
