"""Clouds as the input of a network, whatever its kind."""

from collections.abc import Sequence

from torch import Tensor

from pd_ros.detection.model_config import AnyModelConfig
from pd_ros.detection.pillars import pillarize
from pd_ros.detection.point_config import PointRcnnConfig
from pd_ros.detection.point_sample import make_point_batch
from pd_ros.detection.types import AnyBatch


def make_batch(
    clouds: Sequence[Tensor], config: AnyModelConfig, seeds: Sequence[int] | None = None
) -> AnyBatch:
    """Clouds ``[N_i, 3 + C]`` for a network; empty ones are valid.

    ``seeds``: of what a network on points draws from each cloud; None: always the same.
    """
    if isinstance(config, PointRcnnConfig):
        return make_point_batch(clouds, config, seeds)
    return pillarize(clouds, config.grid, config.capacity)
