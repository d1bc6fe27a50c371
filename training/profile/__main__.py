"""Measure what detectors cost: parameters, multiply-adds, activations, latency, memory.

python -m training.profile
python -m training.profile --models pd_ros/weights/*.safetensors --sweep data/sim/test/000000.npz
"""

import argparse
import logging
import sys
from pathlib import Path

from tqdm import tqdm

from pd_ros.benchmark.inputs import load_network
from pd_ros.detection.device import choose_device
from pd_ros.pointcloud.bin_columns import Columns, parse_columns
from pd_ros.process.foreign_load import LoadWatch
from pd_ros.process.run_command import command_parser, run_command
from pd_ros.recordings.cloud_files import read_cloud
from pd_ros.recordings.cloud_options import add_columns
from training.datasets.frame import Float32
from training.profile.measure import Profile, ProfileBudget, measure
from training.profile.picture import draw_costs
from training.profile.table import format_table, to_rows, write_csv, write_json
from training.simulate.frames import simulate_frame
from training.simulate.lidar.sensor_files import load_rig

_LOG = logging.getLogger("training.profile")
_NETWORKS = Path(__file__).parents[2] / "config/model"
_SIMULATED_SEED = 3


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parser().parse_args(arguments)
    return run_command("training.profile", lambda: _run(options), _LOG)


def _run(options: argparse.Namespace) -> None:
    watch = LoadWatch()
    profiles = _profile_all(options)
    remark = watch.load().remark()
    rows = to_rows(profiles)
    sys.stdout.write(f"{_describe(profiles[0])}\n\n{format_table(rows)}\n")
    if remark:
        sys.stdout.write(f"{remark}\n")
    if options.json:
        write_json(options.json, rows)
    if options.csv:
        write_csv(options.csv, rows)
    if options.picture:
        draw_costs(options.picture, profiles)


def _profile_all(options: argparse.Namespace) -> list[Profile]:
    effort = ProfileBudget(options.repeats, options.seconds)
    if effort.most < 1 or effort.seconds <= 0:
        raise ValueError(
            f"expected --repeats of at least 1 and --seconds over 0, got {effort.most} and"
            f" {effort.seconds}"
        )
    device = choose_device(options.device)
    models = options.models or published_networks()
    for path in models:  # what is wrong with the last should not come up after all the others
        load_network(path)
    points = _read_points(options.sweep, parse_columns(options.columns))
    bar = tqdm(models, desc="profile")
    profiles = []
    for path in bar:
        bar.set_postfix_str(path.stem)
        profiles.append(measure(path, points, device, effort))
    return profiles


def published_networks() -> list[Path]:
    """YAMLs of ``config/model`` by name."""
    return sorted(_NETWORKS.glob("*.yaml"))


def _read_points(sweep: Path | None, columns: Columns | None) -> Float32:
    if sweep is None:
        return simulate_frame(_SIMULATED_SEED, load_rig("hdl64e")).points
    return read_cloud(sweep, intensity_scale=1.0, columns=columns).points


def _describe(profile: Profile) -> str:
    return f"{profile.device}, {profile.precision}; a sweep of {profile.points:,} points"


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "training.profile",
        "Parameters, multiply-adds, activations, latency by stage and peak memory of"
        " detectors on a sweep, each also relative to the first detector's.",
        "example: python -m training.profile --models pd_ros/weights/*.safetensors"
        " --sweep data/sim/test/000000.npz --csv cost.csv --picture cost.png",
    )
    add = parser.add_argument
    add(
        "--models", type=Path, nargs="+", metavar="FILE",
        help="checkpoints, or YAMLs of networks, then with fresh weights; default: all of"
        " config/model",
    )  # fmt: skip
    add("--sweep", type=Path, help=".npz, .bin or .pcd; default: a simulated sweep (HDL-64E)")
    add_columns(parser)
    add("--device", default="auto", help="auto, cpu or cuda:N")
    add("--repeats", type=int, default=20, help="timed runs, at least 1")
    add("--seconds", type=float, default=20.0, help="begin no more runs of a detector after")
    add("--json", type=Path, help="also write the table here")
    add("--csv", type=Path, help="also write the table here")
    add("--picture", type=Path, help="also draw it here, as .png, .svg or .pdf")
    return parser


if __name__ == "__main__":
    sys.exit(main())
