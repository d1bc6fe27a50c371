"""Features and probabilities of region pairs of which the networks think most differently.

After Representation Disparity-aware Distillation (RDD, Li et al., ICCV 2023): every box that
either network finds is a region of both maps; of these pairs the most disparate are chosen, and
there the student learns features and responses, every region weighing alike whatever its size.
How disparate a pair is, is measured as in the same group's IDa-Det (Xu et al., ECCV 2022): the
squared distance of each channel over its variance, a Mahalanobis distance with one variance for
all cells.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from training.config.compared import RegionPairsConfig
from training.distillation.decoding import BoxSource
from training.distillation.maps import channel_adapter, pool_boxes, tapped_widths
from training.distillation.method import BevPair, DistillBatch, DistillLoss
from training.distillation.requirements import BevUse, most_levels, same_anchors
from training.objectives.center_loss import probabilities

_LEAST_VARIANCE = 1e-3  # of a channel in a region; an empty one has none


def _one_map(use: BevUse) -> Iterator[str]:
    """Neither head looks at a pyramid, whose responses lie on several maps."""
    if (levels := most_levels(use)) > 1:
        yield f"{use.name}: compares one map, a pyramid's head has {levels}; take mimic"


class RegionPairs(DistillLoss):
    """Squared error over the variance, and of probabilities, in the pairs that are chosen."""

    reads = ("neck", "heatmap")
    requires = (same_anchors, _one_map)

    def __init__(self, config: RegionPairsConfig, pair: BevPair) -> None:
        super().__init__()
        self.config = config
        self._pair = pair
        self._boxes = [
            BoxSource("student", pair, config.score), BoxSource("teacher", pair, config.score)
        ]  # fmt: skip
        (mine,), (theirs,) = (tapped_widths(network, "neck") for network in pair)
        self.adapter = channel_adapter(mine, theirs)

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch; 0 where neither network finds anything."""
        found = [source(outputs) for source in self._boxes]
        boxes = [torch.cat(each) for each in zip(*found, strict=True)]
        (mine, theirs), grid = self._pair, self.config.grid
        neck: Tensor = self.adapter(outputs.student.neck.float())
        student = pool_boxes(neck, boxes, mine, grid)
        if not len(student):
            return 0.0 * neck.mean()
        teacher = pool_boxes(outputs.teacher.neck.float(), boxes, theirs, grid)
        said = pool_boxes(probabilities(outputs.student.heatmap), boxes, mine, grid)
        taught = pool_boxes(probabilities(outputs.teacher.heatmap), boxes, theirs, grid)
        disparity = region_disparity(student, teacher)
        chosen = most_disparate(disparity.detach(), self.config.share)
        responses = ((said - taught) ** 2).sum(dim=1).mean(dim=(1, 2))
        return (disparity + self.config.response * responses)[chosen].mean()


def region_disparity(student: Tensor, teacher: Tensor) -> Tensor:
    """Disparity ``[N]`` of pairs of regions ``[N, C, S, S]``: 0 of equal ones.

    Mean over channels and cells of the squared difference, over the mean of both networks'
    variances of that channel within the region. The variances have no gradient, so that a student
    does not shrink the disparity by noise.
    """
    variance = (_variance(student) + _variance(teacher)).detach() / 2
    error = ((student - teacher) ** 2).mean(dim=(2, 3))
    return (error / variance.clamp(min=_LEAST_VARIANCE)).mean(dim=1)


def _variance(regions: Tensor) -> Tensor:
    return regions.var(dim=(2, 3), unbiased=False)


def most_disparate(disparity: Tensor, share: float) -> Tensor:
    """Places of the most disparate share of ``[N]`` pairs, N at least 1; at least one of them."""
    count = max(1, round(share * len(disparity)))
    return disparity.topk(count).indices
