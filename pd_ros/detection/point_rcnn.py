"""PointRCNN: boxes from raw points in two stages (Shi et al. 2019)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pd_ros.detection.anchors import decode_boxes
from pd_ros.detection.boxes import nms
from pd_ros.detection.point_backbone import AbstractionShape, PointBackbone
from pd_ros.detection.point_boxes import (
    decode_from_points,
    out_of_proposals,
    own_frame,
)
from pd_ros.detection.point_config import AbstractionConfig, PointRcnnConfig
from pd_ros.detection.point_head import PointHead, RefinementHead
from pd_ros.detection.point_ops import gather_points
from pd_ros.detection.roi_points import pool_points, to_canonical
from pd_ros.detection.types import Detections

# So far away a point's depth is about 0 in the second stage, which wants small numbers.
_DEPTH_SCALE_M = 70.0


class PointOutput(NamedTuple):
    """First stage: what every point says; distillation reads it by name."""

    points: Tensor  # [B, N, 3]
    features: Tensor  # [B, C, N]
    classes: Tensor  # [B, K, N] logits
    box: Tensor  # [B, 8, N] differences from the point and its class' size


class Proposals(NamedTuple):
    """Boxes of one cloud that are looked at again, best first; R of them, maybe 0."""

    boxes: Tensor  # [R, 7]
    labels: Tensor  # [R] int64


class Refined(NamedTuple):
    """Second stage: what the proposals of one cloud say."""

    score: Tensor  # [R] logits
    box: Tensor  # [R, 7] differences from the proposal in its own frame


class PointRcnn(nn.Module):
    """Backbone and both heads; the stages are called one after the other."""

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

    def forward(self, points: Tensor) -> PointOutput:
        """First stage over ``[B, N, 3 + C]``, equally many points of every cloud."""
        xyz = points[..., :3].contiguous()
        features = self.backbone(xyz, points[..., 3:].mT.contiguous())
        return PointOutput(xyz, features, *self.head(features))

    @torch.no_grad()
    def propose(self, output: PointOutput, sample: int) -> Proposals:
        """The best boxes of one cloud's points that do not overlap much."""
        settings = self.config.proposals
        score, label = output.classes[sample].float().sigmoid().max(dim=0)
        best, index = score.topk(min(settings.max_candidates, len(score)))
        assert isinstance(self._sizes, Tensor)
        boxes = decode_from_points(
            output.box[sample].float().T[index], output.points[sample, index],
            self._sizes[label[index]],
        )  # fmt: skip
        usable = boxes.isfinite().all(dim=1).nonzero().squeeze(1)
        boxes, best, index = boxes[usable], best[usable], index[usable]
        kept = nms(boxes, best, settings.nms_iou_threshold, settings.max_proposals)
        return Proposals(boxes[kept], label[index][kept])

    def refine(self, output: PointOutput, sample: int, proposals: Proposals) -> Refined:
        """Second stage over the proposals of one cloud; those without points are scored, too."""
        points = output.points[sample]
        index, holds = pool_points(points, proposals.boxes, self.config.refinement.points)
        score = output.classes[sample].detach().float().sigmoid().amax(dim=0)
        depth = torch.linalg.vector_norm(points, dim=1) / _DEPTH_SCALE_M - 0.5
        values = torch.stack((score, depth))[None]
        held = holds[:, None, None]
        pooled = gather_points(output.features[sample][None], index[None])[0].transpose(0, 1)
        own = gather_points(values, index[None])[0].transpose(0, 1)
        place = to_canonical(points[index], proposals.boxes)
        return Refined(*self.refinement(place * held, own * held, pooled * held))

    @torch.no_grad()
    def detect(self, points: Tensor) -> list[Detections]:
        """Boxes of every cloud of ``[B, N, 3 + C]``."""
        output = self(points)
        return [self._detect(output, sample) for sample in range(len(points))]

    def _detect(self, output: PointOutput, sample: int) -> Detections:
        proposals = self.propose(output, sample)
        if not len(proposals.boxes):
            return Detections.empty()
        refined = self.refine(output, sample, proposals)
        settings = self.config.decode
        score = refined.score.float().sigmoid()
        local = decode_boxes(refined.box.float(), own_frame(proposals.boxes))
        boxes = out_of_proposals(local, proposals.boxes)
        usable = (score > settings.score_threshold) & boxes.isfinite().all(dim=1)
        boxes, score, label = boxes[usable], score[usable], proposals.labels[usable]
        kept = nms(boxes, score, settings.nms_iou_threshold, settings.max_detections)
        return Detections(boxes[kept], score[kept], label[kept])


def _shapes(levels: tuple[AbstractionConfig, ...]) -> list[AbstractionShape]:
    return [AbstractionShape(*level.model_dump().values()) for level in levels]
