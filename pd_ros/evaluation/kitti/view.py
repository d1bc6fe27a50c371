"""What of a cloud was labelled where labels were drawn in a camera's image, as KITTI's were.

Nobody said what is beside the image, nor in regions of it that are marked as not labelled
(DontCare: far or unclear objects): what a detector finds there is neither right nor wrong.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pd_ros.detection.boxes import bev_iou
from pd_ros.detection.types import Detections
from pd_ros.evaluation.kitti.camera import Calibration, camera_from_lidar, project_boxes
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.evaluation.matching import Floats
from pd_ros.evaluation.overlaps import image_coverage

# A box that lies to more than this in one region of the image lies in it.
_MAINLY = 0.5
NO_REGIONS: Floats = np.zeros((0, 4))


class CameraView(NamedTuple):
    """A camera, and the regions of its image that nobody labelled."""

    calibration: Calibration
    regions: Floats = NO_REGIONS  # [R, 4] x1, y1, x2, y2 in pixels

    def raised(self, shift_m: float) -> "CameraView":
        """The same for a cloud of which ``shift_m`` was added to all z."""
        lower = np.eye(4)
        lower[2, 3] = -shift_m
        matrix = self.calibration.camera_from_lidar @ lower
        return self._replace(calibration=self.calibration._replace(camera_from_lidar=matrix))


def seen_in_view(boxes: Tensor, view: CameraView) -> Tensor:
    """Which boxes ``[M, 7]`` in the LiDAR frame have their centre in the image: ``[M]`` bool."""
    return _in_image(boxes, view)[1]


def in_regions(boxes: Tensor, view: CameraView) -> Tensor:
    """Which boxes ``[M, 7]`` in the LiDAR frame lie mainly in one of the regions: ``[M]`` bool."""
    if not len(view.regions):
        return torch.zeros(len(boxes), dtype=torch.bool)
    coverage = image_coverage(view.regions, _in_image(boxes, view)[0])
    return torch.from_numpy((coverage > _MAINLY).any(axis=0))


def unlabelled_boxes(found: Tensor, truth: GroundTruth, view: CameraView) -> Tensor:
    """Which boxes ``[D, 7]`` nobody can judge: ``[D]`` bool.

    Those with their centre out of the image, and those in a region that touch no labelled object.
    """
    alone = ~(bev_iou(found, truth.boxes) > 0).any(dim=1)
    return ~seen_in_view(found, view) | (in_regions(found, view) & alone)


def within_view(
    truth: GroundTruth, found: Detections, view: CameraView | None
) -> tuple[GroundTruth, Detections]:
    """Leave out the detections that nobody can judge; all stay without a view.

    Objects whose centre is out of the image, reaching in from the side, are not asked for.
    """
    if view is None:
        return truth, found
    unseen = ~seen_in_view(truth.boxes, view)
    judged = ~unlabelled_boxes(found.boxes, truth, view)
    return truth._replace(ignore=truth.ignore | unseen), found.select(judged)


def _in_image(boxes: Tensor, view: CameraView) -> tuple[Floats, Tensor]:
    at_camera = camera_from_lidar(boxes.double().numpy(), view.calibration)
    image_boxes, seen = project_boxes(at_camera, view.calibration)
    return image_boxes, torch.from_numpy(seen)
