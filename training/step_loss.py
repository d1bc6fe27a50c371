"""Everything that one training step is to lower, by name."""

from torch import Tensor

from pd_ros.detection.types import ModelOutput
from training.anchor_losses import AnchorLoss, anchor_loss
from training.anchor_targets import AnchorTargets
from training.config import TrainConfig
from training.distill import distill_loss
from training.loader import Batch
from training.losses import DetectionLoss, detection_loss
from training.targets import Targets


def loss_terms(
    output: ModelOutput, taught: ModelOutput | None, batch: Batch, config: TrainConfig
) -> dict[str, Tensor]:
    """Terms of the loss before their weights, and ``total``, which is weighted, first."""
    detection, total = _detection(output, batch, config)
    terms = detection._asdict()
    if taught is not None and config.distill and isinstance(batch.teacher_targets, Targets):
        distilled = distill_loss(output, taught, batch.teacher_targets)
        total = total + distilled.total(config.distill)
        terms |= {f"distill_{name}": term for name, term in distilled._asdict().items()}
    return {"total": total, **terms}


def _detection(
    output: ModelOutput, batch: Batch, config: TrainConfig
) -> tuple[DetectionLoss | AnchorLoss, Tensor]:
    if isinstance(batch.targets, AnchorTargets):
        anchors = anchor_loss(output, batch.targets)
        return anchors, anchors.total(config.anchor_loss)
    centres = detection_loss(output, batch.targets, config.loss)
    return centres, centres.total(config.loss)
