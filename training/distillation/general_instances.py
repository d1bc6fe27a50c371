"""General instances (GID, Dai et al. 2021): where two networks disagree most."""

import torch
from torch import Tensor

from pd_ros.detection.config import ModelConfig
from pd_ros.detection.types import Detections, ModelOutput
from training.distillation.decoding import BoxDecoder
from training.losses import probabilities


class GeneralInstances:
    """The boxes of a scene around which probabilities differ most, of the surer network."""

    def __init__(self, config: ModelConfig, instances: int, nms_iou: float) -> None:
        self._decode = BoxDecoder(config, nms_iou, 0.0, instances)

    @torch.no_grad()
    def __call__(self, student: ModelOutput, teacher: ModelOutput) -> list[Detections]:
        """Boxes of every sample by falling disagreement; maps of one size that find centres."""
        return self._decode(disagreement(student, teacher))


def disagreement(student: ModelOutput, teacher: ModelOutput) -> ModelOutput:
    """Maps whose scores are the difference of probabilities, with the surer network's box."""
    mine, theirs = probabilities(student.heatmap), probabilities(teacher.heatmap)
    surer = (theirs.amax(dim=1) > mine.amax(dim=1))[:, None]
    box: Tensor = torch.where(surer, teacher.box.float(), student.box.float())
    return teacher._replace(heatmap=torch.logit((theirs - mine).abs(), eps=1e-6), box=box)
