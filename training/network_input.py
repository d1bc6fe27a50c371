"""What a network is called with in a training step."""

from pd_ros.detection.types import PointBatch
from training.collate import Batch
from training.config import TrainConfig
from training.point_targets import PointTargets
from training.region_targets import RegionSampler


def network_input(batch: Batch, config: TrainConfig) -> tuple[object, ...]:
    """The student's arguments; a network on points is told which proposals to learn from."""
    if isinstance(batch.student, PointBatch) and isinstance(batch.targets, PointTargets):
        sampler = RegionSampler(config.regions, batch.targets, batch.student.seeds)
        return batch.student, sampler
    return (batch.student,)
