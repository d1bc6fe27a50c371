"""Options that all commands have which look for boxes in files of clouds."""

import argparse

from pd_ros.detection.geometry.ego import EGO_DISTANCE_M
from pd_ros.pointcloud.z_offset import CLOUDS, parse_offset


def add_columns(parser: argparse.ArgumentParser) -> None:
    """Add ``--columns``, which ``parse_columns`` reads."""
    parser.add_argument(
        "--columns", metavar="N", help="of .bin: how many numbers a point has, as in 5, or in 4:f8"
        " for doubles; x, y, z and intensity come first; default: 4, and 5 of .pcd.bin",
    )  # fmt: skip


def add_ego_distance(parser: argparse.ArgumentParser) -> None:
    """Add ``--ego-distance``; see ``detection.geometry.ego``."""
    parser.add_argument(
        "--ego-distance", type=float, default=EGO_DISTANCE_M, metavar="M",
        help="boxes that come nearer to the sensor than this are the own vehicle's and left out;"
        " -1: none are",
    )  # fmt: skip


def add_z_offset(parser: argparse.ArgumentParser) -> None:
    """Add ``--z-offset``: metres, None for ``auto``; see ``pointcloud.z_offset``."""
    parser.add_argument(
        "--z-offset", type=_z_offset, default=0.0, metavar="M",
        help="as the node's input.z_offset: metres added to z for the detector; auto: measured"
        f" once, from the ground in the first {CLOUDS} clouds",
    )  # fmt: skip


def _z_offset(text: str) -> float | None:
    try:
        return parse_offset(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
