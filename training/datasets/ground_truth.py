"""A labelled sweep as evaluation asks for it."""

from collections.abc import Sequence

import torch

from pd_ros.evaluation.lidar import GroundTruth, centre_in_range
from training.datasets.frame import Frame


def to_ground_truth(frame: Frame, min_points: int, range_m: Sequence[float]) -> GroundTruth:
    """Boxes of a sweep; those with too few points or out of range need not be found."""
    boxes = torch.from_numpy(frame.boxes)
    ignore = torch.from_numpy(frame.num_points < min_points) | ~centre_in_range(boxes, range_m)
    return GroundTruth(boxes, torch.from_numpy(frame.labels), ignore)
