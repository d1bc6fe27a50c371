import numpy as np
import pytest

from pd_ros.detection.config.base import parse_config
from training.batches.sampler import DrawSampler, class_balanced_weights, drive_weights
from training.config.run import TrainConfig
from training.datasets.frame import Frame


class Labels:
    """Frames of which only the labels are known."""

    def __init__(self, *labels: list[int]) -> None:
        self._labels = labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> Frame:
        raise AssertionError("points are not to be read")

    def name(self, index: int) -> str:
        return f"frame {index}"

    def labels(self, index: int) -> np.ndarray:
        return np.array(self._labels[index], dtype=np.int64)


def test_by_hand() -> None:
    """Class 0 is in three frames, class 1 in one; the last class does not occur."""
    weights = class_balanced_weights(Labels([0, 0], [0, 1, -1], [0], [-1], []), 3)
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6 + 1 / 2, 1 / 6, 0, 0])


def test_nothing_to_balance() -> None:
    with pytest.raises(ValueError, match="frame 0 and the 1 others: expected boxes"):
        class_balanced_weights(Labels([-1], []), 2)


def test_frames_are_drawn_by_their_weights() -> None:
    """The same draws as without for other sources."""
    run = {
        "model": "m", "out": "o", "data": [{"path": "a"}, {"path": "b"}],
        "schedule": {"epochs": 1, "frames_per_epoch": 4000, "batch_size": 1},
    }  # fmt: skip
    config = parse_config(run, TrainConfig, "run")
    weights = {1: np.array([0.25, 0, 0.75])}
    plain = [draw for (draw,) in DrawSampler([5, 3], config)]
    weighted = [draw for (draw,) in DrawSampler([5, 3], config, weights=weights)]
    assert [d for d in weighted if d.source == 0] == [d for d in plain if d.source == 0]
    counts = np.bincount([draw.number for draw in weighted if draw.source == 1], minlength=3)
    assert counts[1] == 0
    assert counts[0] / counts.sum() == pytest.approx(0.25, abs=0.04)


def test_a_drive_counts_by_the_root_of_its_sweeps() -> None:
    """Four sweeps of one drive and one of another: two thirds and one third."""
    weights = drive_weights(["a", "a", "b", "a", "a"])
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 3, 1 / 6, 1 / 6])
