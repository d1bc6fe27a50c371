"""The same network as published code runs it: the measure for everything that is faster.

What OpenPCDet, mmdetection3d and CenterPoint do: fp32, eager, batch norm as a layer of its own,
maps channel by channel in memory, pillars padded to the most points that they may hold, every
anchor decoded, the overlaps of all candidates before suppression. Which point lies in which cell
is worked out as on the fast path, which takes no longer than published code does on a CPU.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from pd_ros.benchmark.plain_pillars import plain_pillars
from pd_ros.detection.anchor_head import by_anchor
from pd_ros.detection.anchors import anchor_head, decode_boxes, make_anchors, yaw_in_bin
from pd_ros.detection.boxes import bev_iou, wrap_angle
from pd_ros.detection.checkpoint import Checkpoint, network_from_above
from pd_ros.detection.decode import peaks, usable
from pd_ros.detection.part_config import AnchorHeadConfig, PyramidNeckConfig
from pd_ros.detection.pillars import pillarize
from pd_ros.detection.types import Detections, HeadMaps, PillarBatch


class PlainPredictor:
    """Called as a ``Predictor`` is; the boxes are the same but for rounding."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        model, self.config = network_from_above(checkpoint)
        pyramid = isinstance(self.config.neck, PyramidNeckConfig)
        if pyramid or len(self.config.class_groups) > 1:
            raise ValueError(
                f"{self.config.name}: expected a network with one map and one group of classes,"
                f" got {'a pyramid' if pyramid else 'several groups'}, which the plain path"
                " does not know; leave it out"
            )
        self.device = device
        self._model = model.eval().to(device)
        self._pillars = plain_pillars(self._model, self.config)
        anchors = isinstance(self.config.head, AnchorHeadConfig)
        self._anchors = make_anchors(self.config).to(device) if anchors else None

    def __call__(
        self, points: Tensor, done: Callable[[str], None] = lambda _stage: None
    ) -> Detections:
        """Boxes in a cloud ``[N, 3 + C]``; ``done`` is told of the stages of ``Predictor``."""
        found = self.suppress(self.candidates(points, done))
        done("nms")
        return found

    @torch.no_grad()
    def candidates(
        self, points: Tensor, done: Callable[[str], None] = lambda _stage: None
    ) -> Detections:
        """All boxes above the score threshold before suppression, by falling score."""
        cloud = points.to(self.device)
        done("copy")
        batch = pillarize([cloud], self.config.grid, self.config.capacity)
        table = self._pillars.table(batch) if self._pillars else None
        done("voxelise")
        if not len(batch.cells):
            return Detections.empty()
        model = self._model
        features = self._encode(table, batch)
        canvas = self._canvas(features, batch)
        done("encode")
        stages = model.dense.backbone(canvas)
        levels = model.dense.neck(stages)
        done("backbone_neck")
        maps = model.dense.head_maps(levels)
        done("head")
        found = self._decode(maps)
        done("decode_boxes")
        return found

    def suppress(self, candidates: Detections) -> Detections:
        """Of candidates that overlap the best, on the CPU."""
        settings = self.config.decode
        kept = plain_nms(candidates.boxes, settings.nms_iou_threshold, settings.max_detections)
        return candidates.select(kept).cpu()

    def _encode(self, table: Tensor | None, batch: PillarBatch) -> Tensor:
        if table is None or self._pillars is None:
            features: Tensor = self._model.encoder(batch)
            return features
        return self._pillars.encode(table, batch)

    def _canvas(self, features: Tensor, batch: PillarBatch) -> Tensor:
        canvas: Tensor = (self._pillars or self._model.encoder).canvas(features, batch)
        return canvas.contiguous()

    def _decode(self, maps: HeadMaps) -> Detections:
        if self._anchors is None:
            return usable(peaks(maps, self.config)[0], self.config.decode)
        settings, head = self.config.decode, anchor_head(self.config)
        values = by_anchor(maps)
        scores = values.classes[0].sigmoid()
        boxes = decode_boxes(values.box[0], self._anchors)
        direction = values.direction[0].argmax(dim=1)
        yaw = wrap_angle(yaw_in_bin(boxes[:, 6], direction, head.direction_offset_rad))
        boxes = torch.cat((boxes[:, :6], yaw[:, None]), dim=1)
        score, label = scores.max(dim=1)
        likely = (score > settings.score_threshold).nonzero().squeeze(1)
        best, order = score[likely].topk(min(settings.max_candidates, len(likely)))
        return Detections(boxes[likely[order]], best, label[likely[order]])


def plain_nms(boxes: Tensor, iou_threshold: float, max_keep: int) -> Tensor:
    """Greedy suppression on the matrix of all overlaps; boxes ``[N, 7]`` by falling score."""
    overlapping = (bev_iou(boxes, boxes) > iou_threshold).cpu()
    alive = torch.ones(len(overlapping), dtype=torch.bool)
    kept: list[int] = []
    for number in range(len(overlapping)):
        if alive[number] and len(kept) < max_keep:
            kept.append(number)
            alive &= ~overlapping[number]
    return torch.tensor(kept, dtype=torch.int64, device=boxes.device)
