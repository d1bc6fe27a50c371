"""PointRCNN: boxes from raw points in two stages (Shi et al. 2019)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pd_ros.detection.config.point_rcnn import AbstractionConfig, PointRcnnConfig
from pd_ros.detection.point_rcnn.heads import PointHead, RefinementHead
from pd_ros.detection.point_rcnn.pointnet import AbstractionShape, PointBackbone
from pd_ros.detection.point_rcnn.proposals import pool_points, propose, to_canonical
from pd_ros.detection.types import PointBatch, PointOutput, PointRcnnOutput, Proposals, Refined

# So far away a point's depth is about 0 in the second stage, which wants small numbers.
_DEPTH_SCALE_M = 70.0

Chooser = Callable[[PointOutput], Proposals]


class PointRcnn(nn.Module):
    """Backbone and both heads."""

    def __init__(self, config: PointRcnnConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = PointBackbone(
            len(config.features), _shapes(config.abstraction), config.propagation
        )
        width = self.backbone.out_channels
        self.head = PointHead(width, config.head, len(config.classes))
        second = config.refinement
        self.refinement = RefinementHead(
            width, second.embedding, _shapes(second.abstraction), second.last, second.head
        )
        self.register_buffer("_sizes", torch.tensor(config.sizes_m), persistent=False)

    def forward(self, batch: PointBatch, choose: Chooser | None = None) -> PointRcnnOutput:
        """Both stages over a batch of clouds.

        ``choose`` says which proposals are looked at again, as training does; None: the config's.
        """
        first = self.first_stage(batch)
        proposals = self.propose(first) if choose is None else choose(first)
        return PointRcnnOutput(first, proposals, self.refine(first, proposals))

    def arrange(self, memory_format: torch.memory_format) -> None:
        """Nothing: what it computes are no maps whose layout matters."""

    def first_stage(self, batch: PointBatch) -> PointOutput:
        """Run the first stage: a class, a box and features of every point."""
        xyz = batch.points[..., :3].contiguous()
        features = self.backbone(xyz, batch.points[..., 3:].mT.contiguous())
        return PointOutput(xyz, batch.counts, features, *self.head(features))

    def propose(self, output: PointOutput) -> Proposals:
        """The proposals of all clouds."""
        assert isinstance(self._sizes, Tensor)
        return propose(output, self._sizes, self.config.proposals)

    def refine(self, output: PointOutput, proposals: Proposals) -> Refined:
        """Second stage over proposals; those without points are scored, too.

        Its gradients end at the first stage's features, which are learnt by that stage alone
        (PointRCNN section 4.1 trains one after the other).
        """
        if not len(proposals.boxes):
            none = output.points.new_zeros(0, 7)
            return Refined(none[:, 0], none)
        place, own, features = self._look_inside(output, proposals)
        return Refined(*self.refinement(place, own, features))

    @torch.no_grad()
    def _look_inside(
        self, output: PointOutput, proposals: Proposals
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the second stage sees; all of it is 0 where a proposal has no points.

        Places in the proposals' frames ``[R, P, 3]``, scores and depths ``[R, 2, P]``, features
        ``[R, C, P]``.
        """
        index, holds = self._members(output, proposals)
        sample = proposals.sample[:, None]
        points = output.points[sample, index]
        score = output.classes.float().sigmoid().amax(dim=1)[sample, index]
        depth = torch.linalg.vector_norm(points, dim=2) / _DEPTH_SCALE_M - 0.5
        features = output.features.mT[sample, index].mT
        place, held = to_canonical(points, proposals.boxes), holds[:, None, None]
        return place * held, torch.stack((score, depth), dim=1) * held, features * held

    def _members(self, output: PointOutput, proposals: Proposals) -> tuple[Tensor, Tensor]:
        """Numbers ``[R, P]`` of each proposal's points in its cloud, and whether it has any."""
        count = self.config.refinement.points
        index = proposals.sample.new_zeros(len(proposals.boxes), count)
        holds = torch.zeros_like(proposals.sample, dtype=torch.bool)
        for sample, points in enumerate(output.points):
            mine = proposals.sample == sample
            index[mine], holds[mine] = pool_points(points, proposals.boxes[mine], count)
        return index, holds


def _shapes(levels: tuple[AbstractionConfig, ...]) -> list[AbstractionShape]:
    return [AbstractionShape(*level.model_dump().values()) for level in levels]
