"""A teacher's boxes beside the ground truth (label KD, SparseKD section 3.4).

Takes ``Detections``, so any teacher will do: for one of two stages, those of its second.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pd_ros.detection.boxes import iou_3d
from pd_ros.detection.types import Detections
from training.distillation.sparse_config import LabelConfig
from training.labels import Labels


def kept_boxes(
    found: Detections, truth: Tensor, config: LabelConfig, classes: Sequence[str]
) -> Detections:
    """The boxes whose score is above their class' threshold; truth ``[M, 7]``.

    The score is the teacher's, or for the classes ``by_overlap`` the best IoU with a true box.
    """
    limits = found.scores.new_tensor(
        [config.thresholds.get(name, config.threshold) for name in classes]
    )
    overlapping = torch.tensor([name in config.by_overlap for name in classes])
    score = found.scores
    if overlapping.any():
        overlap = iou_3d(found.boxes, truth)
        best = overlap.amax(dim=1) if len(truth) else torch.zeros_like(score)
        score = torch.where(overlapping[found.labels], best, score)
    return found.select(score > limits[found.labels])


def join_labels(labels: Labels, found: Detections, truth_first: bool) -> Labels:
    """Ground truth and found boxes together; what is first wins where only one can."""
    parts = [labels, Labels(found.boxes, found.labels, labels.ignored, found.velocities)]
    if not truth_first:
        parts.reverse()
    return labels._replace(
        boxes=torch.cat([part.boxes for part in parts]),
        classes=torch.cat([part.classes for part in parts]),
        velocities=torch.cat([part.all_velocities() for part in parts]),
    )
