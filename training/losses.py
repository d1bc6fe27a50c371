"""Detection losses: (output, targets) -> named scalars."""

from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.types import ModelOutput
from training.config import LossConfig
from training.targets import Targets

_PROBABILITY_FLOOR = 1e-4


class DetectionLoss(NamedTuple):
    """Terms of the detection loss, before their weights."""

    heatmap: Tensor
    box: Tensor

    def total(self, weights: LossConfig) -> Tensor:
        """Weighted sum."""
        return weights.heatmap * self.heatmap + weights.box * self.box


def detection_loss(output: ModelOutput, targets: Targets, heading: float = 1.0) -> DetectionLoss:
    """Focal loss of the heatmap and L1 of the boxes at object centres (CenterPoint section 4).

    ``heading``: see :func:`box_error`.
    """
    heatmap = focal_loss(probabilities(output.heatmap), targets.heatmap, targets.counted)
    predicted = gather_cells(output.box, targets.sample, targets.cell)
    error = box_error(predicted, targets.box, heading)
    return DetectionLoss(heatmap, error.sum() / max(len(error), 1))


def box_error(predicted: Tensor, target: Tensor, heading: float) -> Tensor:
    """L1 of box rows ``[M, 8]``: ``[M]``.

    Of the error of cos and sin of the yaw, ``heading`` counts as it is; of the rest, the smaller
    of the errors against the target and against the target turned around.
    """
    rest = (predicted[:, :6] - target[:, :6]).abs().sum(dim=1)
    ahead = (predicted[:, 6:] - target[:, 6:]).abs().sum(dim=1)
    behind = (predicted[:, 6:] + target[:, 6:]).abs().sum(dim=1)
    return rest + heading * ahead + (1 - heading) * torch.minimum(ahead, behind)


def probabilities(logits: Tensor) -> Tensor:
    """Sigmoid in float32, kept away from 0 and 1 where logarithms explode."""
    return logits.float().sigmoid().clamp(_PROBABILITY_FLOOR, 1 - _PROBABILITY_FLOOR)


def focal_loss(probability: Tensor, target: Tensor, counted: Tensor) -> Tensor:
    """CornerNet's penalty-reduced focal loss (alpha 2, beta 4), over the number of objects.

    Maps ``[B, K, H, W]``; ``counted`` ``[B, H, W]`` leaves cells out. No objects: divided by 1.
    """
    peak = target == 1
    positive = torch.log(probability) * (1 - probability) ** 2
    negative = torch.log(1 - probability) * probability**2 * (1 - target) ** 4
    loss = torch.where(peak, positive, negative) * counted[:, None]
    return -loss.sum() / peak.sum().clamp(min=1)


def gather_cells(box_map: Tensor, sample: Tensor, cell: Tensor) -> Tensor:
    """Rows ``[M, 8]`` of a box map ``[B, 8, H, W]`` at flat cells of given samples."""
    return box_map.float().flatten(2)[sample, :, cell]
