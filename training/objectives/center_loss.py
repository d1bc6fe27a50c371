"""Detection losses: (output, targets) -> named scalars."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from pd_ros.detection.bev.decode_center import boxes_of, rows_at, tells_direction
from pd_ros.detection.boxes import paired_bev_iou
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.types import ModelOutput
from training.config.run import LossConfig, TrainConfig
from training.objectives.center_targets import Targets

_PROBABILITY_FLOOR = 1e-4


class DetectionLoss(NamedTuple):
    """Terms of the detection loss, before their weights."""

    heatmap: Tensor
    box: Tensor
    direction: Tensor | None = None  # of heads that tell it
    quality: Tensor | None = None

    @property
    def named(self) -> dict[str, Tensor]:
        """The terms that there are, by name."""
        return {name: term for name, term in self._asdict().items() if term is not None}

    def total(self, weights: LossConfig) -> Tensor:
        """Weighted sum."""
        parts = [getattr(weights, name) * term for name, term in self.named.items()]
        return torch.stack(parts).sum()


def detection_loss(
    output: ModelOutput, targets: Targets, config: LossConfig, network: ModelConfig
) -> DetectionLoss:
    """Focal loss of the heatmap and L1 of the boxes at object centres (CenterPoint section 4)."""
    heatmap = focal_loss(probabilities(output.heatmap), targets.heatmap, targets.counted)
    predicted = rows_at(output.box, targets.sample, targets.cell)
    error = box_error(predicted, targets.box, config)
    direction, quality = output.direction, output.quality
    if direction is not None:
        logits = rows_at(direction, targets.sample, targets.cell)
        direction = weighted_mean(direction_error(logits, targets.facing), targets.weight)
    if quality is not None:
        logits = rows_at(quality, targets.sample, targets.cell).squeeze(1)
        error_of = quality_error(logits, overlap(predicted, targets.box, network))
        quality = weighted_mean(error_of, targets.weight)
    return DetectionLoss(heatmap, weighted_mean(error, targets.weight), direction, quality)


def direction_error(logits: Tensor, facing: Tensor) -> Tensor:
    """Cross-entropy ``[M]`` of looking along ``facing`` or back, of directions ``[M, 2]``."""
    return F.softplus(-(logits * facing).sum(dim=1))


def quality_error(logits: Tensor, overlap: Tensor) -> Tensor:
    """Cross-entropy ``[M]`` of logits ``[M]`` against overlaps ``[M]``."""
    return F.binary_cross_entropy_with_logits(logits, overlap, reduction="none")


@torch.no_grad()
def overlap(predicted: Tensor, target: Tensor, network: ModelConfig) -> Tensor:
    """Bird's-eye IoU ``[M]`` of the boxes that the same cells mean by values ``[M, 8]``."""
    cell = predicted.new_zeros(len(predicted), 2)
    return paired_bev_iou(*(boxes_of(cell, each, None, network) for each in (predicted, target)))


def box_error(predicted: Tensor, target: Tensor, config: LossConfig) -> Tensor:
    """L1 of box rows ``[M, 8]``, each value with its code weight: ``[M]``.

    Of the error of cos and sin of the yaw, the share ``config.heading`` counts as it is; of the
    rest, the smaller of the errors against the target and against the target turned around.
    """
    weights = predicted.new_tensor(config.code_weights)
    ahead = (predicted - target).abs() * weights
    behind = (predicted[:, 6:] + target[:, 6:]).abs() * weights[6:]
    position_size, ahead_yaw, behind_yaw = ahead[:, :6].sum(1), ahead[:, 6:].sum(1), behind.sum(1)
    either_way = torch.minimum(ahead_yaw, behind_yaw)
    return position_size + config.heading * ahead_yaw + (1 - config.heading) * either_way


def weighted_mean(error: Tensor, weight: Tensor) -> Tensor:
    """Mean of ``[M]`` with weights ``[M]``; 0 of none."""
    return (error * weight).sum() / weight.sum().clamp(min=1e-6)


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


def check_center_head(run: TrainConfig, network: ModelConfig) -> None:
    """Raise ``ValueError`` for a head that finds centres and cannot learn as the run wants it."""
    if tells_direction(network) and run.loss.heading != 1:  # an axis has no front to leave out
        raise ValueError(
            f"loss.heading: expected 1 for {network.name}, whose head tells the direction apart"
            f" from the box, got {run.loss.heading}; leave it out"
        )
    # Targets and losses know one box of a cell, at rest.
    if network.head.velocity or len(network.class_groups) > 1:
        raise ValueError(
            f"model: {run.model}: expected a head of centres of one group of classes, without"
            " velocity, got one as imported networks have it; take it as a teacher, or train"
            " without groups and head.velocity"
        )
