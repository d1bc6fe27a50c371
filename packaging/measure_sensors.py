"""Measure ground and rings of real labelled sweeps against their labels and data sheets.

.venv/bin/python packaging/measure_sensors.py $PD_ROS_DATA/corpus

Prints the table of docs/node/mounting.md. Ground: find_ground of each sweep; its errors are the
heights above it of the undersides of labelled boxes within 20 m, the median of each sweep that has
two or more. Rings: measure_beams of each sweep.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

sys.path.append(str(Path(__file__).resolve().parents[1]))  # the checkout

from pd_ros.pointcloud.beams import measure_beams
from pd_ros.pointcloud.decode import Float32, usable_points
from pd_ros.pointcloud.ground import Ground, find_ground

_NEAR_M, _LEAST_POINTS = 20.0, 5
_MOST = 40  # sweeps of a set, spread over all
# Folders of the corpus: what they are, the known sensor and its rings.
SETS = {
    "kitti_object_*": ("KITTI object, the camera's view", "HDL-64E", "64, a part of them in view"),
    "kitti_raw_*": ("KITTI raw, the camera's view", "HDL-64E", "64, a part of them in view"),
    "kitti_testing_unlabelled": ("KITTI testing, whole sweeps", "HDL-64E", "64"),
    "other_sensors/nuscenes*": ("nuScenes", "HDL-32E", "32"),
    "other_sensors/av2*": ("Argoverse 2, vehicle's frame", "two VLP-32C", "64"),
    "pandaset_*": ("PandaSet, vehicle's frame", "Pandar64", "64"),
}
_HEADER = (
    "| sweeps | sensor | ground found | its height (m) | boxes stand above it (m): median, 90 % |"
    " rings: known | counted |\n|---|---|---|---|---|---|---|"
)


class Measured(NamedTuple):
    """What one sweep gave."""

    ground_m: float  # NaN: none found
    box_m: float  # median height of the boxes above it; NaN: too few boxes
    rings: int


def main(corpus: Path) -> int:
    """Print the table; returns the exit code."""
    sys.stdout.write(f"{_HEADER}\n")
    for pattern, (title, sensor, known) in SETS.items():
        sweeps = list(measure_set(corpus, pattern))
        ground, boxes, rings = (np.array(column) for column in zip(*sweeps, strict=True))
        found, judged = ground[np.isfinite(ground)], boxes[np.isfinite(boxes)]
        errors = "no labels"
        if len(judged):
            errors = f"{np.median(judged):+.2f}, {np.quantile(np.abs(judged), 0.9):.2f}"
        counted = f"{np.median(rings):.0f} ({rings.min()} to {rings.max()})"
        sys.stdout.write(
            f"| {title} | {sensor} | {len(found)} of {len(ground)} | {np.median(found):.2f} |"
            f" {errors} | {known} | {counted} |\n"
        )
    return 0


def measure_set(corpus: Path, pattern: str) -> Iterator[Measured]:
    """Measure sweeps of the folders, or the files, that fit a pattern."""
    files = sorted(corpus.glob(f"{pattern}.npz" if "/" in pattern else f"{pattern}/*.npz"))
    for path in files[:: -(-len(files) // _MOST)]:
        with np.load(path) as sweep:
            points = usable_points(sweep["points"].astype(np.float32))
            near = np.hypot(*sweep["boxes"].T[:2]) < _NEAR_M
            near &= (sweep["num_points"] >= _LEAST_POINTS) & (sweep["cls"] >= 0)
            yield measure(points, sweep["boxes"][near])


def measure(points: Float32, boxes: NDArray[np.float32]) -> Measured:
    """Measure a sweep ``[N, 4]`` with the boxes ``[M, 7]`` that its ground is judged by."""
    ground, beams = find_ground(points), measure_beams(points)
    height, above = np.nan, np.nan
    if ground is not None:
        height = ground.height_m
        above = _above(ground, boxes)
    return Measured(height, above, 0 if beams is None else beams.rings)


def _above(ground: Ground, boxes: NDArray[np.float32]) -> float:
    if len(boxes) < 2:
        return float("nan")
    undersides = boxes[:, :3].copy()
    undersides[:, 2] -= boxes[:, 5] / 2
    return float(np.median(ground.above(undersides)))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
