"""Write simulated frames, recordings and pictures.

python -m training.simulate frames --out data/sim/train --count 1500 --seed 1
python -m training.simulate drive --out out/demo/drive.mcap --seconds 20 --seed 7
python -m training.simulate picture --out scene.png --seed 3
"""

import argparse
import logging
import math
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pd_ros.jobs.open_pool import add_scheduler
from pd_ros.process.run_command import DefaultsHelpFormatter, command_parser, run_command
from training.simulate.drive import simulate_drive
from training.simulate.frames import simulate_frame, write_frames
from training.simulate.lidar.sensor import SENSORS, Sensor
from training.simulate.picture import DrawnSweep, draw_sweeps
from training.simulate.recording import write_recording

_LOG = logging.getLogger("training.simulate")


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parse(arguments)
    return run_command("training.simulate", lambda: _run(options, SENSORS[options.sensor]), _LOG)


def _run(options: argparse.Namespace, sensor: Sensor) -> None:
    if options.seed < 0:
        raise ValueError(f"--seed: expected 0 or more, got {options.seed}")
    if options.verb == "frames":
        write_frames(
            options.out, options.count, options.seed, sensor, options.workers, options.scheduler
        )
    elif options.verb == "drive":
        write_drive(options.out, options.seconds, options.seed, sensor)
    else:
        draw_scene(options.out, options.seed, sensor, options.beside)


def write_drive(out: Path, seconds: float, seed: int, sensor: Sensor) -> None:
    """Write a drive as a rosbag2 recording."""
    frames = simulate_drive(seed, sensor, seconds)
    count = round(seconds * 10) if 0 < seconds < math.inf else None
    write_recording(out, tqdm(frames, desc=f"drive {out}", total=count))


def draw_scene(out: Path, seed: int, sensor: Sensor, beside: Path | None) -> None:
    """Draw a simulated sweep, beside a real one (KITTI ``.bin``) if there is one."""
    sweeps = []
    if beside is not None:
        points = np.fromfile(beside, dtype=np.float32)
        if points.size % 4:
            raise ValueError(
                f"{beside}: expected a KITTI .bin of 4 floats per point, got {points.size} floats"
            )
        points = points.reshape(-1, 4)
        sweeps.append(DrawnSweep(beside.name, points, np.zeros((0, 7), np.float32), ()))
    frame = simulate_frame(seed, sensor)
    title = f"simulated, {sensor.name}, seed {seed}"
    sweeps.append(DrawnSweep(title, frame.points, frame.boxes, frame.labels))
    draw_sweeps(out, sweeps)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = command_parser(
        "training.simulate",
        "A ray-cast spinning LiDAR in streets with labelled road users.",
        "example: python -m training.simulate frames --out data/sim/train --count 1500",
    )
    verbs = parser.add_subparsers(
        dest="verb", required=True, help="--help after one of them tells its options"
    )

    def add_verb(verb: str, text: str, example: str) -> argparse.ArgumentParser:
        return verbs.add_parser(
            verb, help=text, description=f"Write {text}.",
            epilog=f"example: python -m training.simulate {verb} {example}",
            formatter_class=DefaultsHelpFormatter,
        )  # fmt: skip

    frames = add_verb(
        "frames", "labelled .npz sweeps, each of its own street",
        "--out data/sim/train --count 1500 --seed 1 --workers 2",
    )  # fmt: skip
    frames.add_argument("--count", type=int, default=100, help="sweeps, numbered from 000000")
    frames.add_argument("--workers", type=int, default=1, help="processes")
    add_scheduler(frames)
    drive = add_verb(
        "drive", "a rosbag2 recording of a drive at 10 Hz",
        "--out out/demo/drive.mcap --seconds 20 --seed 7",
    )  # fmt: skip
    drive.add_argument("--seconds", type=float, default=20.0, help="how long it is")
    picture = add_verb("picture", "a PNG of one scene", "--out scene.png --seed 3")
    picture.add_argument("--beside", type=Path, help="a real sweep (KITTI .bin) to compare with")
    for verb in (frames, drive, picture):
        verb.add_argument("--out", type=Path, required=True, help="folder or file to write")
        verb.add_argument("--seed", type=int, default=1, help="of all that is drawn at random")
        verb.add_argument(
            "--sensor", choices=sorted(SENSORS), default="hdl64e", help="what it is seen by"
        )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
