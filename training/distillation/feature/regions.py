"""Feature KD on the neck's map (SparseKD's released code; off in its best recipe)."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.config.sparse import FeatureConfig
from training.distillation.decoding import BoxSource
from training.distillation.maps import (
    channel_adapter,
    neck_width,
    pool_boxes,
    relation_loss,
    resize_to,
    tapped_widths,
)
from training.distillation.method import BevPair, DistillBatch, DistillLoss, MethodUse
from training.distillation.response.logit import gaussian_mask, masked_mean
from training.objectives.center_targets import Targets


def comparable_necks(use: MethodUse[FeatureConfig, BevPair]) -> Iterator[str]:
    """The necks have as many channels or an adapter; Gaussians need a teacher that has them."""
    config, (student, teacher) = use.config, use.pair
    widths = neck_width(student), neck_width(teacher)
    if config.mode in ("raw", "rois") and not config.adapter and widths[0] != widths[1]:
        yield (
            f"feature.adapter: the necks have {widths[0]} and {widths[1]} channels (student,"
            " teacher); an adapter is needed"
        )
    if config.gaussian != "none" and teacher.head.kind != "center":
        yield "feature.gaussian: needs a teacher that finds centres; leave it at none"


def build_feature(config: FeatureConfig, pair: BevPair) -> DistillLoss:
    """The term for a mode."""
    if config.mode in ("rois", "affinity"):
        return BoxFeatures(config, pair)
    return MapFeatures(config, pair)


class MapFeatures(DistillLoss):
    """``raw`` and ``spatial``: cell by cell, under a mask; at the teacher's resolution."""

    reads = ("neck",)

    def __init__(self, config: FeatureConfig, pair: BevPair) -> None:
        super().__init__()
        self.config = config
        self.adapter = _adapter(config, pair) if config.mode == "raw" else nn.Identity()

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch."""
        teacher = outputs.teacher.neck.float()
        student = resize_to(self.adapter(outputs.student.neck.float()), teacher)
        if self.config.mode == "spatial":
            error = (student.abs().mean(dim=1) - teacher.abs().mean(dim=1)) ** 2
        else:
            error = cell_error(student, teacher, self.config.loss)
        return masked_mean(error, self._mask(outputs, error))

    def _mask(self, outputs: DistillBatch, error: Tensor) -> Tensor:
        mask = torch.ones_like(error)
        if self.config.gaussian != "none":
            assert isinstance(outputs.batch.teacher_targets, Targets)
            mask = gaussian_mask(outputs.batch.teacher_targets.heatmap, self.config.gaussian)
        if self.config.threshold is not None:
            best = outputs.teacher.heatmap.float().sigmoid().amax(dim=1)
            mask = mask * (best > self.config.threshold)
        return mask


def cell_error(student: Tensor, teacher: Tensor, loss: str) -> Tensor:
    """Error of every cell ``[B, H, W]`` of maps ``[B, C, H, W]``; of mse and L1 the mean over C.

    ``kl``: of the softmax over channels; ``cosine``: 1 minus the cosine.
    """
    if loss == "kl":
        log_shares = F.log_softmax(student, dim=1)
        return F.kl_div(
            log_shares, F.log_softmax(teacher, dim=1), reduction="none", log_target=True
        ).sum(dim=1)
    if loss == "cosine":
        return 1 - F.cosine_similarity(student, teacher, dim=1)
    measure = F.mse_loss if loss == "mse" else F.smooth_l1_loss
    return measure(student, teacher, reduction="none").mean(dim=1)


class BoxFeatures(DistillLoss):
    """``rois`` and ``affinity``: grids pooled under boxes, of each network from its own map."""

    reads = ("neck",)

    def __init__(self, config: FeatureConfig, pair: BevPair) -> None:
        super().__init__()
        self.config = config
        self._pair = pair
        self._boxes = BoxSource(config.boxes, pair, config.box_threshold)
        self.adapter = _adapter(config, pair) if config.mode == "rois" else nn.Identity()

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Mean over boxes; 0 without any."""
        boxes = self._boxes(outputs)
        neck: Tensor = self.adapter(outputs.student.neck.float())
        student = pool_boxes(neck, boxes, self._pair.student, self.config.grid)
        teacher = pool_boxes(
            outputs.teacher.neck.float(), boxes, self._pair.teacher, self.config.grid
        )
        if not len(student):
            return 0.0 * neck.mean()
        if self.config.mode == "affinity":
            loss = F.mse_loss(affinity(student), affinity(teacher))
        else:
            loss = F.mse_loss(student, teacher)
        if self.config.relation:
            sizes = [len(each) for each in boxes]
            relation = relation_loss(student.flatten(1), teacher.flatten(1), sizes)
            loss = loss + self.config.relation * relation
        return loss


def affinity(pooled: Tensor) -> Tensor:
    """Cosine of every pair of cells of each box: ``[N, C, S, S]`` -> ``[N, S * S, S * S]``."""
    cells = F.normalize(pooled.flatten(2), dim=1)
    return cells.transpose(1, 2) @ cells


def _adapter(config: FeatureConfig, pair: BevPair) -> nn.Module:
    if not config.adapter:
        return nn.Identity()
    (student,), (teacher,) = (tapped_widths(network, "neck") for network in pair)
    return channel_adapter(student, teacher, kernel=3)
