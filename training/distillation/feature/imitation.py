"""Imitate the teacher's features: of whole maps, or where objects are.

Whole maps by hints (FitNets, Romero et al. 2015, learnt together with the task); under proposed
boxes (Mimic, Li et al. 2017); near labelled objects (fine-grained imitation, Wang et al. 2019).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pd_ros.detection.bev.anchors import level_anchors, nearest_bev_iou
from training.config.compared import FineGrainedConfig, FitNetsConfig, MimicConfig
from training.distillation.decoding import BoxSource
from training.distillation.maps import (
    channel_adapter,
    pool_boxes,
    resize_to,
    tapped_maps,
    tapped_widths,
)
from training.distillation.method import BevPair, DistillBatch, DistillLoss
from training.distillation.requirements import same_tapped_stages
from training.distillation.response.logit import gaussian_mask
from training.objectives.center_targets import Targets


class FitNets(DistillLoss):
    """Mean squared error of maps, the student's through a regressor; summed over maps."""

    requires = (same_tapped_stages,)

    def __init__(self, config: FitNetsConfig, pair: BevPair) -> None:
        super().__init__()
        self.reads = (config.tap,)
        self._tap = config.tap
        widths = zip(*(tapped_widths(network, config.tap) for network in pair), strict=True)
        self.adapters = nn.ModuleList(
            nn.Sequential(*channel_adapter(mine, theirs, config.kernel), nn.ReLU())
            for mine, theirs in widths
        )

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch."""
        student, teacher = (tapped_maps(o, self._tap) for o in (outputs.student, outputs.teacher))
        errors = [
            F.mse_loss(resize_to(adapter(mine), theirs), theirs)
            for adapter, mine, theirs in zip(self.adapters, student, teacher, strict=True)
        ]
        return torch.stack(errors).sum()


class Mimic(DistillLoss):
    """Mean squared error of grids pooled under boxes, the student's through an adapter."""

    reads = ("neck",)

    def __init__(self, config: MimicConfig, pair: BevPair) -> None:
        super().__init__()
        self._pair = pair
        self._grid = config.grid
        self._boxes = BoxSource(config.boxes, pair, config.score)
        (mine,), (theirs,) = (tapped_widths(network, "neck") for network in pair)
        self.adapter = channel_adapter(mine, theirs)

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch; 0 without boxes."""
        boxes, (mine, theirs) = self._boxes(outputs), self._pair
        student = pool_boxes(outputs.student.neck.float(), boxes, mine, self._grid)
        teacher = pool_boxes(outputs.teacher.neck.float(), boxes, theirs, self._grid)
        if len(student) * self._grid**2 < 2:  # batch norm needs two
            return 0.0 * outputs.student.neck.float().mean()
        return F.mse_loss(self.adapter(student), teacher)


class FineGrained(DistillLoss):
    """Half the squared error of the neck's map, summed over channels, mean over a mask."""

    reads = ("neck",)

    def __init__(self, config: FineGrainedConfig, pair: BevPair) -> None:
        super().__init__()
        self.config = config
        network = pair.teacher
        self._anchors = None  # of the neck's (finest) map
        if network.head.kind == "anchors":
            self._anchors = level_anchors(network)[0].flatten(0, 2)
        (mine,), (theirs,) = (tapped_widths(network, "neck") for network in pair)
        self.adapter = channel_adapter(mine, theirs, config.kernel)

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch; 0 without objects."""
        teacher = outputs.teacher.neck.float()
        student = resize_to(self.adapter(outputs.student.neck.float()), teacher)
        mask = self._mask(outputs).to(teacher)
        error = ((student - teacher) ** 2).sum(dim=1)
        return (mask * error).sum() / (2 * mask.sum()).clamp(min=1e-6)

    def _mask(self, outputs: DistillBatch) -> Tensor:
        if self._anchors is None:
            targets = outputs.batch.teacher_targets
            assert isinstance(targets, Targets)
            return gaussian_mask(targets.heatmap, self.config.gaussian)
        size = outputs.teacher.heatmap.shape[-2:]
        masks = [
            anchor_mask(self._anchors, labels.boxes, self.config.overlap)
            for labels in outputs.batch.labels
        ]
        return torch.stack(masks).view(len(masks), *size, -1).any(dim=3)


def anchor_mask(anchors: Tensor, boxes: Tensor, share: float) -> Tensor:
    """Anchors ``[N]`` that overlap one of the boxes ``[M, 7]`` more than a share of its best."""
    if not len(boxes):
        return torch.zeros(len(anchors), dtype=torch.bool)
    iou = nearest_bev_iou(anchors, boxes)
    return (iou > share * iou.amax(dim=0)).any(dim=1)
