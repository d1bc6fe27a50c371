"""Measure what the training sweeps are like, once, for the checkpoint's record.

The node and ``inspect_cloud`` compare what a sensor sends with it.
"""

import numpy as np

from pd_ros.detection.families import AnyModelConfig
from pd_ros.pointcloud.statistics import measure_cloud
from pd_ros.pointcloud.training_statistics import CloudRecord, summarise
from training.batches.loader import TrainingFrames
from training.config.run import TrainConfig
from training.datasets.frame import Float32

_MEASURED = 40  # sweeps


def measure_clouds(
    frames: TrainingFrames, config: TrainConfig, model: AnyModelConfig
) -> CloudRecord | None:
    """Measure sweeps drawn by the sources' shares, before augmentation; None if all are empty.

    Has random numbers of its own: the run's are as they would be without it.
    """
    rng = np.random.default_rng(config.seed)
    shares = np.array([source.share for source in config.data])
    sources = rng.choice(len(shares), size=_MEASURED, p=shares / shares.sum())
    numbers = [int(rng.integers(frames.sizes[int(source)])) for source in sources]
    clouds = [
        frames.plain(int(source), number).points
        for source, number in zip(sources, numbers, strict=True)
    ]
    contents = [measure_cloud(_xyzi(cloud, model.features), model.range_m) for cloud in clouds]
    return summarise(contents)


def _xyzi(points: Float32, features: tuple[str, ...]) -> Float32:
    """Columns x, y, z, intensity (0 where the model has none) of the newest of several sweeps."""
    if "time_lag" in features:
        points = points[points[:, 3 + features.index("time_lag")] == 0]
    columns = np.zeros((len(points), 4), np.float32)
    columns[:, :3] = points[:, :3]
    if "intensity" in features:
        columns[:, 3] = points[:, 3 + features.index("intensity")]
    return columns
