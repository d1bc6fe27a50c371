"""Measure what the training sweeps are like, once, for the checkpoint's record.

The node and ``inspect_cloud`` compare what a sensor sends with it.
"""

import numpy as np

from pd_ros.detection.families import AnyModelConfig
from pd_ros.pointcloud.beams import measure_beams
from pd_ros.pointcloud.statistics import measure_cloud
from pd_ros.pointcloud.training_statistics import CloudRecord, expected_clouds, summarise
from training.batches.loader import TrainingFrames
from training.config.run import TrainConfig
from training.datasets.first_look import remarks_on, xyzi
from training.datasets.source import open_source

_MEASURED = 40  # sweeps


def odd_intensities(config: TrainConfig, model: AnyModelConfig) -> list[str]:
    """What is odd about the intensities of the sources, one line each; mostly nothing.

    Where the ground lies and how many points there are is what a network is to learn.
    """
    if "intensity" not in model.features:
        return []
    lines = []
    for source in config.data:
        frames = open_source(source, model.classes, model.features, as_read=True)
        sweeps = (frames[i] for i in range(len(frames)))
        lines += remarks_on(
            source.title,
            sweeps,
            model.features,
            model.range_m,
            expected_clouds({}),
            ("intensity",),
        )
    return lines


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
    sweeps = [xyzi(cloud, model.features) for cloud in clouds]
    contents = [measure_cloud(sweep, model.range_m) for sweep in sweeps]
    return summarise(contents, [measure_beams(sweep) for sweep in sweeps])
