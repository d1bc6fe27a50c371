"""Everything that one training step is to lower, by name."""

from torch import Tensor

from pd_ros.detection.types import ModelOutput
from training.anchor_losses import AnchorLoss, anchor_loss
from training.anchor_targets import AnchorTargets
from training.config import TrainConfig
from training.distillation.term import Lesson
from training.distillation.tutor import Tutor
from training.loader import Batch
from training.losses import DetectionLoss, detection_loss


def loss_terms(output: ModelOutput, batch: Batch, config: TrainConfig) -> dict[str, Tensor]:
    """``total`` of the detection loss, which is weighted, then its terms before their weights."""
    detection, total = _detection(output, batch, config)
    return {"total": total, **detection._asdict()}


def add_distillation(
    terms: dict[str, Tensor], tutor: Tutor, lesson: Lesson, progress: float
) -> dict[str, Tensor]:
    """The same with the terms of distillation, ``distill_METHOD``, which ``total`` has in it."""
    taught, total = tutor.terms(lesson, progress)
    named = {f"distill_{name}": term for name, term in taught.items()}
    return {**terms, "total": terms["total"] + total, **named}


def _detection(
    output: ModelOutput, batch: Batch, config: TrainConfig
) -> tuple[DetectionLoss | AnchorLoss, Tensor]:
    if isinstance(batch.targets, AnchorTargets):
        anchors = anchor_loss(output, batch.targets)
        return anchors, anchors.total(config.anchor_loss)
    centres = detection_loss(output, batch.targets, config.loss)
    return centres, centres.total(config.loss)
