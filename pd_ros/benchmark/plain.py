"""The same network as published code runs it: the measure for everything that is faster.

What OpenPCDet, mmdetection3d and CenterPoint do: fp32, eager, batch norm as a layer of its own,
maps channel by channel in memory, pillars padded to the most points that they may hold, every
anchor decoded, the overlaps of all candidates before suppression. Which point lies in which cell
is worked out as on the fast path, which takes no longer than published code does on a CPU.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from pd_ros.detection.anchor_head import by_anchor
from pd_ros.detection.anchors import anchor_head, decode_boxes, make_anchors, yaw_in_bin
from pd_ros.detection.boxes import bev_iou, wrap_angle
from pd_ros.detection.checkpoint import Checkpoint, network_from_above
from pd_ros.detection.decode import candidates
from pd_ros.detection.encoder import PillarEncoder
from pd_ros.detection.part_config import AnchorHeadConfig, PillarEncoderConfig, PyramidNeckConfig
from pd_ros.detection.pillars import pillarize
from pd_ros.detection.types import Detections, HeadMaps, PillarBatch


class PlainPredictor:
    """Called as a ``Predictor`` is; the boxes are the same but for rounding."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        model, self.config = network_from_above(checkpoint)
        if isinstance(self.config.neck, PyramidNeckConfig):
            raise ValueError(
                f"{self.config.name}: expected a network with one map, got one with a pyramid,"
                " which the plain path does not know; leave it out"
            )
        self.device = device
        self._model = model.eval().to(device)
        encoder, anchors = self.config.encoder, isinstance(self.config.head, AnchorHeadConfig)
        self._empty_places_count = isinstance(encoder, PillarEncoderConfig) and encoder.padded
        self._anchors = make_anchors(self.config).to(device) if anchors else None

    @torch.no_grad()
    def __call__(
        self, points: Tensor, done: Callable[[str], None] = lambda _stage: None
    ) -> Detections:
        """Boxes in a cloud ``[N, 3 + C]``; ``done`` is told of the stages of ``Predictor``."""
        cloud = points.to(self.device)
        done("copy")
        batch = pillarize([cloud], self.config.grid, self.config.capacity)
        table = self._padded_points(batch)
        done("voxelise")
        model = self._model
        features = model.encoder(batch) if table is None else self._encode_padded(table, batch)
        canvas = self._canvas(features, batch)
        done("encode")
        stages = model.dense.backbone(canvas)
        levels = model.dense.neck(stages)
        done("backbone_neck")
        maps = model.dense.head_maps(levels)
        done("head")
        found = self._candidates(maps)
        done("decode_boxes")
        settings = self.config.decode
        kept = plain_nms(found.boxes, settings.nms_iou_threshold, settings.max_detections)
        found = found.select(kept).cpu()
        done("nms")
        return found

    def _padded_points(self, batch: PillarBatch) -> Tensor | None:
        """Points in a table ``[V, places, 3 + C]``; None where pillars have no end."""
        places = self.config.capacity.max_points_per_pillar
        if places is None or not isinstance(self._model.encoder, PillarEncoder):
            return None
        order = batch.point_pillar.argsort(stable=True)
        pillar = batch.point_pillar[order]
        first = batch.counts.cumsum(0) - batch.counts
        place = torch.arange(len(order), device=order.device) - first[pillar]
        table = batch.points.new_zeros(len(batch.counts), places, batch.points.shape[1])
        table[pillar, place] = batch.points[order]
        return table

    def _encode_padded(self, table: Tensor, batch: PillarBatch) -> Tensor:
        """OpenPCDet's ``PillarVFE``: every place goes through the layers, and most are empty."""
        encoder = self._model.encoder
        assert isinstance(encoder, PillarEncoder)
        places = torch.arange(table.shape[1], device=table.device)
        taken = (places < batch.counts[:, None])[..., None]
        mean = table[..., :3].sum(dim=1, keepdim=True) / batch.counts[:, None, None]
        _, centre = encoder.mean_and_centre(batch)
        offsets = (table[..., :3] - mean, table[..., :3] - centre[:, None])
        rows = torch.cat((table, *offsets), dim=2) * taken
        counting = torch.ones_like(taken) if self._empty_places_count else taken
        highest = rows[:, :0]
        for number, layer in enumerate(encoder.pillar_layers):
            if number:
                rows = torch.cat((rows, highest[:, None].expand_as(rows)), dim=2)
            linear = layer.linear(rows)
            normed = layer.norm(linear.permute(0, 2, 1)).permute(0, 2, 1)
            rows = torch.relu(normed)
            highest = (rows * counting).amax(dim=1)  # after a ReLU 0 is the least
        return highest

    def _canvas(self, features: Tensor, batch: PillarBatch) -> Tensor:
        encoder = self._model.encoder
        if not isinstance(encoder, PillarEncoder):
            canvas: Tensor = encoder.canvas(features, batch)
            return canvas.contiguous()
        rows, columns = self.config.grid.size
        flat = features.new_zeros(features.shape[1], rows * columns)
        flat[:, batch.cells[:, 1] * columns + batch.cells[:, 2]] = features.T
        return torch.stack([flat]).view(1, -1, rows, columns)

    def _candidates(self, maps: HeadMaps) -> Detections:
        if self._anchors is None:
            return candidates(maps, self.config)[0]
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
