"""What each sweep counts: sums are the curve's, and APs worked out by hand."""

import numpy as np
import pytest
import torch

from pd_ros.detection.types import Detections
from pd_ros.evaluation.lidar import GroundTruth
from training.benchmark.jobs.frame_counts import (
    MEASURES,
    average_precision,
    count_frames,
    has_counts,
    read_counts,
    write_counts,
)
from training.evaluate.scoring import ScoredSweeps, score_sweeps

CLASSES = ("car", "pedestrian")


def sweeps(count: int, objects: int, seed: int = 0) -> ScoredSweeps:
    """Cars in a row of which most are found, some a little beside, and boxes of nothing."""
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for _ in range(count):
        boxes = np.zeros((objects, 7), np.float32)
        boxes[:, 0] = 8 * np.arange(objects)
        boxes[:, 3:6] = (4, 2, 1.5)
        moved = boxes[rng.random(objects) < 0.8].copy()
        moved[:, 0] += rng.choice([0.0, 0.3, 1.0], len(moved))
        wrong = boxes[rng.random(objects) < 0.3].copy()
        wrong[:, 1] += 20
        all_ = torch.from_numpy(np.concatenate((moved, wrong)))
        scores = torch.from_numpy(rng.uniform(0.2, 1, len(all_)).astype(np.float32))
        labels = torch.zeros(len(all_), dtype=torch.int64)
        truth.append(GroundTruth(torch.from_numpy(boxes), torch.zeros(objects, dtype=torch.int64),
                                 torch.zeros(objects, dtype=torch.bool)))  # fmt: skip
        found.append(Detections(all_, scores, labels))
    return ScoredSweeps(truth, found, ["0"] * count)


def test_the_ap_of_all_sweeps_is_near_that_of_the_table() -> None:
    scored = sweeps(20, 6)
    counts = count_frames(scored, "car")
    table = score_sweeps(scored, CLASSES)
    for measure in MEASURES:
        ap = float(average_precision(counts[measure.name], np.ones((1, 20)))[0])
        row = (table.strict if measure.overlap == "strict" else table.loose)["car"]
        assert ap == pytest.approx(getattr(row, f"ap_{measure.view}_r40"), abs=2), measure
    strict, loose = (counts[f"bev_{name}"][:, 0, -1].sum() for name in ("strict", "loose"))
    assert 0 < strict < loose


def test_every_object_is_right_or_missed_in_its_own_sweep() -> None:
    counts = count_frames(sweeps(5, 6), "car")["bev_strict"]
    assert counts.shape[:2] == (5, 3)
    assert (counts[:, 0] + counts[:, 2] == 6).all()


def test_a_sweep_that_is_drawn_twice_counts_twice() -> None:
    # Score 1: sweep 0 finds its object; score 2: sweep 1 finds a wrong box beside its own.
    counts = np.array([[[1, 1], [0, 0], [0, 0]], [[0, 1], [0, 1], [1, 0]]], np.int32)
    once, first, second = average_precision(counts, np.array([[1.0, 1], [2, 0], [0, 2]]))
    # Half of the recalls at precision 1, the other half at 2 of 3.
    assert once == pytest.approx(100 * (0.5 + 0.5 * 2 / 3))
    assert first == pytest.approx(100)
    assert second == pytest.approx(50)


def test_nothing_found_is_0() -> None:
    assert average_precision(np.zeros((3, 3, 0), np.int32), np.ones((2, 3))).tolist() == [0, 0]


def test_counts_are_read_back(tmp_path) -> None:
    counts = count_frames(sweeps(3, 4), "car")
    assert not has_counts(tmp_path)
    write_counts(tmp_path, {"real": counts})
    assert has_counts(tmp_path)
    assert (read_counts(tmp_path, "real", "3d_strict") == counts["3d_strict"]).all()
