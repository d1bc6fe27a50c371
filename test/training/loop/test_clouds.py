"""The record of the training clouds."""

import numpy as np
from small_model import small_config

from training.config.run import TrainConfig
from training.datasets.frame import Frame
from training.loop.clouds import measure_clouds


class OneFrame:
    """Three points of now, two of the sweep before."""

    sizes = [1]

    def plain(self, source: int, number: int) -> Frame:
        assert (source, number) == (0, 0)
        points = np.float32([[i, 1, -1, 0.0 if i < 3 else 0.1, 0.1 * i] for i in range(5)])
        none = np.zeros(0, np.int64)
        return Frame(points, np.zeros((0, 7), np.float32), none, none)


def test_the_newest_sweep_is_measured_and_columns_go_by_name() -> None:
    config = TrainConfig.model_validate(
        {"model": "m", "data": [{"path": "p"}], "out": "o",
         "schedule": {"epochs": 1, "frames_per_epoch": 2, "batch_size": 1}}
    )  # fmt: skip
    record = measure_clouds(OneFrame(), config, small_config(features=["time_lag", "intensity"]))
    assert record is not None
    assert record.points_in_range == (3, 3, 3)
    assert record.intensity_median == (0.1, 0.1, 0.1)
    assert record.ground_m is None
    assert record.sweeps == 40
    without = measure_clouds(OneFrame(), config, small_config(features=["time_lag"]))
    assert without is not None
    assert without.intensity_high == (0, 0, 0)
