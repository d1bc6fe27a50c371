"""Logit and regression KD of anchor heads (SparseKD's released code, for SECOND)."""

from collections.abc import Iterator

import torch
from torch import Tensor

from pd_ros.detection.bev.anchor_head import by_anchor
from pd_ros.detection.bev.anchors import anchor_head
from training.config.sparse import AnchorLogitConfig
from training.distillation.method import BevPair, DistillBatch, DistillLoss
from training.distillation.requirements import (
    BevUse,
    most_levels,
    same_map_sizes,
    two_anchor_heads,
)
from training.distillation.response.logit import masked_mean
from training.objectives.anchor_losses import box_error, share_of_match
from training.objectives.anchor_targets import NOT_COUNTED, AnchorTargets
from training.objectives.center_targets import covered_cells


def _one_map_if_inside(use: BevUse) -> Iterator[str]:
    """Cells inside boxes are known of one map, not of a pyramid's several."""
    if use.config.positions == "inside" and (levels := most_levels(use)) > 1:
        yield (
            f"anchor_logit.positions: inside needs a head of one map, a pyramid's has"
            f" {levels}; take positive"
        )


class AnchorLogit(DistillLoss):
    """Squared error of class probabilities, summed over a cell's anchors, at pivotal cells."""

    reads = ("heatmap",)
    requires = (two_anchor_heads, same_map_sizes, _one_map_if_inside)

    def __init__(self, config: AnchorLogitConfig, pair: BevPair) -> None:
        super().__init__()
        self.config = config
        self._network = pair.teacher
        self._per_cell = anchor_head(pair.teacher).per_cell

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch; maps of the same size."""
        student, teacher = (
            self._by_cell(by_anchor(output.maps).classes.sigmoid())
            for output in (outputs.student, outputs.teacher)
        )
        assert student.shape == teacher.shape
        mask = self._positions(outputs).to(teacher)
        best = teacher.amax(dim=2)
        if self.config.gated:
            mask = mask * best
        if self.config.threshold > 0:
            mask = mask * (best > self.config.threshold)
        return masked_mean(((student - teacher) ** 2).sum(dim=2), mask)

    def _positions(self, outputs: DistillBatch) -> Tensor:
        """Mark the cells that count: ``[B, cells]``."""
        targets = outputs.batch.teacher_targets
        assert isinstance(targets, AnchorTargets)
        if self.config.positions == "inside":
            inside = [covered_cells(each.boxes, self._network) for each in outputs.batch.labels]
            return torch.stack(inside).flatten(1)
        label = self._by_cell(targets.label)
        wanted = label >= 0
        if self.config.positions == "positive_or_uncounted":
            wanted |= label == NOT_COUNTED
        return wanted.any(dim=2)

    def _by_cell(self, values: Tensor) -> Tensor:
        """From all levels' anchors ``[B, N, ...]`` to their cells ``[B, cells, values]``."""
        return values.reshape(len(values), values.shape[1] // self._per_cell, -1)


class AnchorRegression(DistillLoss):
    """Smooth L1 of the two networks' differences at matched anchors; of the yaw, the sine.

    Velocities are not compared.
    """

    reads = ("box",)
    requires = (two_anchor_heads, same_map_sizes)

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Mean over each sample's matched anchors, averaged over the batch."""
        targets = outputs.batch.teacher_targets
        assert isinstance(targets, AnchorTargets)
        learnt, taught = (
            by_anchor(output.maps).box[targets.sample, targets.anchor, :7]
            for output in (outputs.student, outputs.teacher)
        )
        return (box_error(learnt, taught) * share_of_match(targets)[targets.sample]).sum()
