"""Everything that one training step is to lower, by name."""

from torch import Tensor

from pd_ros.detection.types import AnyOutput, ModelOutput, PointRcnnOutput
from training.anchor_losses import AnchorLoss, anchor_loss
from training.anchor_targets import AnchorTargets
from training.config import TrainConfig
from training.distill import distill_loss
from training.loader import Batch
from training.losses import DetectionLoss, detection_loss
from training.point_losses import PointRcnnLoss, point_rcnn_loss
from training.point_targets import PointTargets
from training.targets import Targets


def loss_terms(
    output: AnyOutput, taught: ModelOutput | None, batch: Batch, config: TrainConfig
) -> dict[str, Tensor]:
    """Terms of the loss before their weights, and ``total``, which is weighted, first."""
    detection, total = _detection(output, batch, config)
    terms = detection._asdict()
    if taught is not None and config.distill and isinstance(batch.teacher_targets, Targets):
        assert isinstance(output, ModelOutput)
        distilled = distill_loss(output, taught, batch.teacher_targets)
        total = total + distilled.total(config.distill)
        terms |= {f"distill_{name}": term for name, term in distilled._asdict().items()}
    return {"total": total, **terms}


def _detection(
    output: AnyOutput, batch: Batch, config: TrainConfig
) -> tuple[DetectionLoss | AnchorLoss | PointRcnnLoss, Tensor]:
    if isinstance(output, PointRcnnOutput):
        assert isinstance(batch.targets, PointTargets)
        points = point_rcnn_loss(output, batch.targets, config.point_loss)
        return points, points.total(config.point_loss)
    if isinstance(batch.targets, AnchorTargets):
        anchors = anchor_loss(output, batch.targets)
        return anchors, anchors.total(config.anchor_loss)
    assert isinstance(batch.targets, Targets)
    centres = detection_loss(output, batch.targets, config.loss)
    return centres, centres.total(config.loss)
