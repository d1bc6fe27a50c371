"""Precision over recall by the rule of ``lidar.py``."""

from collections.abc import Sequence

import numpy as np

from pd_ros.detection.types import Detections
from pd_ros.evaluation.average_precision import precision_curve
from pd_ros.evaluation.curves import PrecisionCurve
from pd_ros.evaluation.lidar import GroundTruth, class_frames, frame_overlaps, loose_iou


def bev_curves(
    ground_truth: Sequence[GroundTruth],
    detections: Sequence[Detections],
    classes: Sequence[str],
    label: str,
) -> dict[str, PrecisionCurve]:
    """Curve of each class from above at KITTI's loose overlap; ``label`` is what is shown.

    At most 41 points by falling score; none where nothing matches.
    """
    overlaps = frame_overlaps(ground_truth, detections)
    curves = {}
    for number, name in enumerate(classes):
        bev, _ = class_frames(ground_truth, detections, overlaps, number)
        right, wrong, missed, _ = precision_curve(bev, loose_iou(classes)[name]).counts
        recall, precision = (
            right / np.maximum(right + missed, 1),
            right / np.maximum(right + wrong, 1),
        )
        curves[name] = PrecisionCurve(label, recall, precision)
    return curves
