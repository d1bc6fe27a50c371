"""A labelled sweep as evaluation asks for it."""

from collections.abc import Sequence

import torch

from pd_ros.evaluation.lidar import GroundTruth, centre_in_range
from training.datasets.frame import Frame


def to_ground_truth(frame: Frame, min_points: int, range_m: Sequence[float]) -> GroundTruth:
    """Boxes of a sweep; those with too few points or out of range need not be found.

    Without those that stand around unlabelled regions: evaluation judges these in the image, see
    ``pd_ros.evaluation.kitti.view``.
    """
    count = len(frame.boxes) - frame.regions
    boxes = torch.from_numpy(frame.boxes[:count])
    few = torch.from_numpy(frame.num_points[:count] < min_points)
    ignore = few | ~centre_in_range(boxes, range_m)
    return GroundTruth(boxes, torch.from_numpy(frame.labels[:count]), ignore)
