"""Write simulated frames, recordings and pictures.

python -m training.simulate frames --out data/sim/train --count 1500 --seed 1
python -m training.simulate drive --out out/demo/drive.mcap --seconds 20 --seed 3
python -m training.simulate picture --out scene.png --sensor vlp16 --height 0.8 --pitch 2
python -m training.simulate compare --real data/clouds --sensor vlp16 --out vlp16.png
"""

import argparse
import json
import logging
import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pd_ros.jobs.open_pool import add_scheduler
from pd_ros.process.run_command import DefaultsHelpFormatter, command_parser, run_command
from training.simulate.compare import (
    CloudPlace,
    draw_comparison,
    fired,
    format_comparison,
    measure,
    real_sweeps,
    to_json,
)
from training.simulate.drive import simulate_drive
from training.simulate.frames import simulate_frame, write_frames
from training.simulate.lidar.rig import Rig
from training.simulate.lidar.sensor_files import load_rig
from training.simulate.mixture import Part, load_mixture
from training.simulate.mounting import Mounting
from training.simulate.options import add_sensor_options, chosen_mounting, chosen_rig, says_sensor
from training.simulate.picture import DrawnSweep, draw_sweeps
from training.simulate.recording import write_recording

_LOG = logging.getLogger("training.simulate")
_AddVerb = Callable[[str, str, str], argparse.ArgumentParser]


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parse(arguments)
    return run_command("training.simulate", lambda: _run(options), _LOG)


def _run(options: argparse.Namespace) -> str | None:
    if options.seed < 0:
        raise ValueError(f"--seed: expected 0 or more, got {options.seed}")
    rig, mounting = chosen_rig(options), chosen_mounting(options)
    if options.verb == "frames":
        mixture = options.mixture
        if mixture is not None and says_sensor(options):
            raise ValueError(
                "--mixture: expected sensors and mountings in the file alone, got options for them"
                " as well; write them into the file"
            )
        parts = (Part(rig, mounting),) if mixture is None else load_mixture(mixture)
        write_frames(
            options.out, options.count, options.seed, parts, options.workers, options.scheduler,
            load_rig(options.teacher_sensor) if options.teacher_sensor else None,
        )  # fmt: skip
    elif options.verb == "drive":
        write_drive(options.out, options.seconds, options.seed, rig, mounting)
    elif options.verb == "picture":
        draw_scene(options.out, options.seed, rig, mounting, options.beside)
    else:
        return compare_with_real(options, rig, mounting)
    return None


def write_drive(out: Path, seconds: float, seed: int, rig: Rig, mounting: Mounting) -> None:
    """Write a drive as a rosbag2 recording."""
    frames = simulate_drive(seed, rig, seconds, mounting=mounting)
    count = round(seconds * rig.rate_hz) if 0 < seconds < math.inf else None
    write_recording(out, tqdm(frames, desc=f"drive {out}", total=count))


def draw_scene(out: Path, seed: int, rig: Rig, mounting: Mounting, beside: Path | None) -> None:
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
    frame = simulate_frame(seed, rig, mounting)
    title = f"simulated, {rig.title}, seed {seed}"
    sweeps.append(DrawnSweep(title, frame.points, frame.boxes, frame.labels))
    draw_sweeps(out, sweeps)


def compare_with_real(options: argparse.Namespace, rig: Rig, mounting: Mounting) -> str:
    """Compare simulated sweeps with real ones; returns the table."""
    if options.frames < 1:
        raise ValueError(f"--frames: expected 1 or more, got {options.frames}")
    place, pulses = CloudPlace(*options.at), fired(rig)
    real = measure(real_sweeps(options.real, options.topic, place, options.frames), pulses)
    seeds = tqdm(range(options.frames), desc=rig.title)
    simulated = measure(
        (simulate_frame(options.seed * 1_000_000 + i, rig, mounting).points for i in seeds), pulses
    )
    kinds = {"real": real, "simulated": simulated}
    draw_comparison(options.out, rig.title, tuple(kinds.items()), pulses)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(to_json(kinds, pulses), indent=2)
        options.json.write_text(text + "\n", encoding="utf-8")
    return format_comparison(real, simulated, pulses)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = command_parser(
        "training.simulate",
        "A ray-cast LiDAR of your choice in streets with labelled road users.",
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

    _add_frames(add_verb)
    drive = add_verb(
        "drive", "a rosbag2 recording of a drive at the sensor's rate",
        "--out out/demo/drive.mcap --seconds 20 --seed 3",
    )  # fmt: skip
    drive.add_argument("--seconds", type=float, default=20.0, help="how long it is")
    picture = add_verb("picture", "a PNG of one scene", "--out scene.png --seed 3")
    picture.add_argument("--beside", type=Path, help="a real sweep (KITTI .bin) to compare with")
    _add_compare(add_verb)
    for verb in verbs.choices.values():
        verb.add_argument("--out", type=Path, required=True, help="folder or file to write")
        verb.add_argument("--seed", type=int, default=1, help="of all that is drawn at random")
        add_sensor_options(verb)
    return parser.parse_args(arguments)


def _add_frames(add_verb: _AddVerb) -> None:
    frames = add_verb(
        "frames", "labelled .npz sweeps, each of its own street",
        "--out data/sim/train --count 1500 --seed 1 --workers 2",
    )  # fmt: skip
    frames.add_argument("--count", type=int, default=100, help="sweeps, numbered from 000000")
    frames.add_argument("--workers", type=int, default=1, help="processes")
    frames.add_argument(
        "--mixture", type=Path, metavar="FILE",
        help="YAML of sensors with shares and mountings, in place of --sensor and the like",
    )  # fmt: skip
    frames.add_argument(
        "--teacher-sensor", metavar="NAME-OR-FILE",
        help="each sweep also holds teacher_points, what this sensor sees in its place",
    )  # fmt: skip
    add_scheduler(frames)


def _add_compare(add_verb: _AddVerb) -> None:
    compare = add_verb(
        "compare", "a table and a picture of real sweeps beside simulated ones",
        "--real data/clouds --sensor vlp16 --height 0.8 --out vlp16.png",
    )  # fmt: skip
    compare.add_argument(
        "--real", type=Path, required=True, help="recording, or folder of real clouds"
    )
    compare.add_argument("--topic", help="of the clouds in a recording; default: the only one")
    compare.add_argument(
        "--at", type=float, nargs=6, default=[0.0] * 6, metavar=("X", "Y", "Z", "YAW", "P", "R"),
        help="where the sensor is in the frame of the real clouds: m and degrees (yaw, pitch,"
        " roll); default: in its origin",
    )  # fmt: skip
    compare.add_argument("--frames", type=int, default=20, help="sweeps of each kind")
    compare.add_argument("--json", type=Path, metavar="FILE", help="also write all figures here")


if __name__ == "__main__":
    sys.exit(main())
