"""Ground and rings of real sweeps, against their labels and the sensors that are known."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[3] / "packaging"))

from measure_sensors import measure_set


@pytest.mark.parametrize(
    ("pattern", "rings", "ground_m"),
    [
        ("kitti_testing_unlabelled", 64, -1.75),
        ("other_sensors/nuscenes*", 32, -1.84),
        ("other_sensors/av2*", 64, -0.33),
        ("pandaset_*", 64, -0.3),
    ],
)
def test_rings_and_ground_of_sensors_that_are_known(data_dir, pattern, rings, ground_m) -> None:
    sweeps = list(measure_set(data_dir / "corpus", pattern))[::4]
    found = [sweep.ground_m for sweep in sweeps if np.isfinite(sweep.ground_m)]
    assert len(found) >= 0.9 * len(sweeps)
    assert found == [pytest.approx(ground_m, abs=0.3)] * len(found)
    assert [sweep.rings for sweep in sweeps] == [pytest.approx(rings, rel=0.2)] * len(sweeps)


@pytest.mark.parametrize("pattern", ["kitti_object_dev", "pandaset_*"])
def test_labelled_boxes_stand_on_the_ground(data_dir, pattern) -> None:
    above = [sweep.box_m for sweep in measure_set(data_dir / "corpus", pattern)]
    judged = np.array([height for height in above if np.isfinite(height)])
    assert len(judged) >= 10
    assert abs(np.median(judged)) < 0.1
    assert np.quantile(np.abs(judged), 0.9) < 0.3
