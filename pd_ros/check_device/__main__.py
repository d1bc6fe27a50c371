"""Say within minutes whether a device runs all of this package: every path beside the CPU's.

python -m pd_ros.check_device --device cuda:0 --out gpu
"""

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from pd_ros.check_device.plan import NETWORKS
from pd_ros.process.run_command import command_parser, run_command

# Without these there is no network to check: configs are of pydantic, and read from YAML.
_REQUIRED = {"torch": "torch", "numpy": "numpy", "pydantic": "pydantic", "yaml": "PyYAML"}
_EXAMPLES = """examples:
  python -m pd_ros.check_device --device cuda:0 --out gpu
  python -m pd_ros.check_device --device cuda:0 --networks second point_rcnn --out gpu
  python -m pd_ros.check_device --device cpu --minutes 2 --out cpu
"""


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code: 1 where a check failed."""
    options = _parser().parse_args(arguments)
    return run_command("pd_ros.check_device", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    check_packages()
    from pd_ros.check_device.run import run  # noqa: PLC0415 - needs what was just looked for

    if not options.minutes > 0:
        raise ValueError(f"--minutes: expected more than 0, got {options.minutes:g}; raise it")
    return run(options.device, options.networks, options.points, options.minutes, options.out)


def check_packages() -> None:
    """Raise ``ValueError`` that says how to get the packages without which nothing can be told."""
    missing = [name for module, name in _REQUIRED.items() if find_spec(module) is None]
    if missing:
        names = " ".join(missing)
        raise ValueError(
            f"expected {', '.join(_REQUIRED.values())}, {names} not installed; without internet:"
            f" 'pip download --dest wheels {names}' on a computer that has it, with the same"
            f" Python ({sys.version_info[0]}.{sys.version_info[1]}), copy the folder, then"
            f" 'pip install --no-index --find-links wheels {names}'"
        )


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "pd_ros.check_device",
        "Check everything that runs on a device beside the CPU in fp32: voxels, encoders, dense"
        " parts in all precisions, CUDA graphs, suppression, latency, the node's own path,"
        " training steps. Writes a table, JSON, and a text for an issue.",
        _EXAMPLES,
    )
    add = parser.add_argument
    add("--device", required=True, help="cuda:N, or cpu for all that needs no GPU")
    add("--out", type=Path, required=True, help="folder for check.json, issue.md and log.txt")
    add("--minutes", type=float, default=8.0, help="for all checks; fewer: fewer repeats of each")
    add(
        "--points", type=Path,
        help="recording or folder of clouds, which needs rosbags; default:"
        " $PD_ROS_DATA/kitti_raw_0005/velodyne, or made-up streets where it is not there",
    )  # fmt: skip
    names = [network.name for network in NETWORKS]
    add(
        "--networks", nargs="*", choices=names, metavar="NAME",
        help=f"which of {', '.join(names)}; default: those of published sizes on a GPU, small ones"
        " on a CPU",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
