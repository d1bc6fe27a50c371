"""Responses, features and relations of general instances (GID, Dai et al. 2021, 3.2 to 3.4)."""

import torch
from torch import Tensor

from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.types import Detections, ModelOutput
from training.config.compared import GidFeatureConfig, GidResponseConfig
from training.datasets.frame import Labels
from training.distillation.decoding import BoxDecoder
from training.distillation.maps import channel_adapter, pool_boxes, relation_loss, tapped_widths
from training.distillation.method import BevPair, DistillBatch, DistillLoss
from training.distillation.requirements import same_boxes, same_map_sizes, two_center_heads
from training.distillation.response.logit import masked_mean
from training.objectives.center_loss import probabilities
from training.objectives.center_targets import make_targets


class GidResponse(DistillLoss):
    """Probabilities and boxes in the cells that the instances would be assigned to."""

    reads = ("heatmap", "box")
    requires = (two_center_heads, same_boxes, same_map_sizes)

    def __init__(self, config: GidResponseConfig, pair: BevPair) -> None:
        super().__init__()
        self.config = config
        self._network = pair.teacher
        self._instances = GeneralInstances(pair.teacher, config.instances, config.nms_iou)

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch; maps of the same size."""
        mask = self._mask(outputs)
        student, teacher = (probabilities(o.heatmap) for o in (outputs.student, outputs.teacher))
        classes = ((student - teacher) ** 2).sum(dim=1)
        box = (outputs.student.box.float() - outputs.teacher.box.float()).abs().sum(dim=1)
        return masked_mean(self.config.classes * classes + self.config.box * box, mask)

    def _mask(self, outputs: DistillBatch) -> Tensor:
        found = self._instances(outputs.student, outputs.teacher)
        labels = [Labels(f.boxes.cpu(), f.labels.cpu(), f.boxes[:0].cpu()) for f in found]
        heatmap = make_targets(labels, self._network).heatmap.amax(dim=1)
        if self.config.footprint == "centre":
            heatmap = (heatmap == 1).to(heatmap.dtype)
        return heatmap.to(outputs.teacher.heatmap.device)


class GidFeature(DistillLoss):
    """The neck's features under the instances, and how far these are from each other."""

    reads = ("neck",)
    requires = (two_center_heads, same_map_sizes)

    def __init__(self, config: GidFeatureConfig, pair: BevPair) -> None:
        super().__init__()
        self.config = config
        self._pair = pair
        self._instances = GeneralInstances(pair.teacher, config.instances, config.nms_iou)
        (mine,), (theirs,) = (tapped_widths(network, "neck") for network in pair)
        self.adapter = channel_adapter(mine, theirs)

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Squared error of a box, mean over boxes, and the relation's; 0 without boxes."""
        boxes = [f.boxes for f in self._instances(outputs.student, outputs.teacher)]
        student: Tensor = self.adapter(outputs.student.neck.float())
        mine = pool_boxes(student, boxes, self._pair.student, self.config.grid).flatten(1)
        teacher = outputs.teacher.neck.float()
        theirs = pool_boxes(teacher, boxes, self._pair.teacher, self.config.grid).flatten(1)
        if not len(mine):
            return 0.0 * student.mean()
        feature: Tensor = ((mine - theirs) ** 2).sum(dim=1).mean()
        relation = relation_loss(mine, theirs, [len(each) for each in boxes], squared=False)
        return self.config.feature * feature + self.config.relation * relation


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
