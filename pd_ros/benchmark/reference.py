"""The same network as published code runs it: the measure for everything that is faster.

What OpenPCDet, mmdetection3d and CenterPoint do: fp32, eager, batch norm as a layer of its own,
maps channel by channel in memory, pillars padded to the most points that they may hold, every
anchor decoded, the overlaps of all candidates before suppression. Which point lies in which cell
is worked out as on the fast path, which takes no longer than published code does on a CPU.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pd_ros.detection.bev.anchor_head import by_anchor
from pd_ros.detection.bev.anchors import anchor_head, decode_boxes, make_anchors, yaw_in_bin
from pd_ros.detection.bev.decode_center import peaks, usable
from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.bev.pillar_encoder import PillarEncoder
from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.boxes import bev_iou, wrap_angle
from pd_ros.detection.checkpoint import Checkpoint, network_from_above
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import AnchorHeadConfig, PillarEncoderConfig, PyramidNeckConfig
from pd_ros.detection.families import AnyModel, AnyModelConfig
from pd_ros.detection.score_calibration import calibrate_scores, read_scaling
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
        self._scaling = read_scaling(checkpoint.training, checkpoint.where)
        self._model = model.eval().to(device)
        self._pillars = plain_pillars(self._model, self.config)
        anchors = isinstance(self.config.head, AnchorHeadConfig)
        self._anchors = make_anchors(self.config).to(device) if anchors else None

    def __call__(
        self, points: Tensor, on_stage: Callable[[str], None] = lambda _stage: None
    ) -> Detections:
        """Boxes in a cloud ``[N, 3 + C]``; ``on_stage`` as for ``Predictor``."""
        found = self.suppress(self.candidates(points, on_stage))
        on_stage("nms")
        found = calibrate_scores(found, self._scaling, self.config.classes)
        on_stage("calibrate")
        return found

    @torch.no_grad()
    def candidates(
        self, points: Tensor, on_stage: Callable[[str], None] = lambda _stage: None
    ) -> Detections:
        """All boxes above the score threshold before suppression, by falling score.

        Scores are the network's, uncalibrated.
        """
        cloud = points.to(self.device)
        on_stage("copy")
        batch = pillarize([cloud], self.config.grid, self.config.capacity)
        table = self._pillars.table(batch) if self._pillars else None
        on_stage("voxelise")
        if not len(batch.cells):
            return Detections.empty()
        model = self._model
        features = self._encode(table, batch)
        canvas = self._canvas(features, batch)
        on_stage("encode")
        stages = model.dense.backbone(canvas)
        levels = model.dense.neck(stages)
        on_stage("backbone_neck")
        maps = model.dense.head_maps(levels)
        on_stage("head")
        found = self._decode(maps)
        on_stage("decode_boxes")
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


class PlainPillars(nn.Module):
    """Works with the layers of an encoder; the features are the same but for rounding.

    In training batch norm takes in the empty places, as published code lets it.
    """

    def __init__(self, encoder: PillarEncoder, config: ModelConfig, places: int) -> None:
        super().__init__()
        self.encoder = encoder
        self._size = config.grid.size
        self._places = places
        shape = config.encoder
        self._empty_places_count = isinstance(shape, PillarEncoderConfig) and shape.padded

    def forward(self, batch: PillarBatch) -> Tensor:
        """One feature row per pillar: ``[V, C]``."""
        return self.encode(self.table(batch), batch)

    def table(self, batch: PillarBatch) -> Tensor:
        """Points pillar by pillar, zeros behind them: ``[V, places, 3 + C]``."""
        order = batch.point_pillar.argsort(stable=True)
        pillar = batch.point_pillar[order]
        first = batch.counts.cumsum(0) - batch.counts
        place = torch.arange(len(order), device=order.device) - first[pillar]
        table = batch.points.new_zeros(len(batch.counts), self._places, batch.points.shape[1])
        table[pillar, place] = batch.points[order]
        return table

    def encode(self, table: Tensor, batch: PillarBatch) -> Tensor:
        """The features of what ``table`` gives."""
        places = torch.arange(table.shape[1], device=table.device)
        taken = (places < batch.counts[:, None])[..., None]
        mean = table[..., :3].sum(dim=1, keepdim=True) / batch.counts[:, None, None]
        _, centre = self.encoder.mean_and_centre(batch)
        offsets = (table[..., :3] - mean, table[..., :3] - centre[:, None])
        rows = torch.cat((table, *offsets), dim=2) * taken
        counting = torch.ones_like(taken) if self._empty_places_count else taken
        highest = rows[:, :0]
        for number, layer in enumerate(self.encoder.pillar_layers):
            if number:
                rows = torch.cat((rows, highest[:, None].expand_as(rows)), dim=2)
            linear = layer.linear(rows)
            normed = layer.norm(linear.permute(0, 2, 1)).permute(0, 2, 1)
            rows = torch.relu(normed)
            highest = (rows * counting).amax(dim=1)  # after a ReLU 0 is the least
        return highest

    def canvas(self, features: Tensor, batch: PillarBatch) -> Tensor:
        """Pillar rows in their cells: ``[B, C, rows, columns]``, channel by channel."""
        rows, columns = self._size
        scenes = []
        for scene in range(batch.batch_size):
            here = batch.cells[:, 0] == scene
            row, column = batch.cells[here, 1], batch.cells[here, 2]
            flat = features.new_zeros(features.shape[1], rows * columns)
            flat[:, row * columns + column] = features[here].T
            scenes.append(flat)
        return torch.stack(scenes).view(batch.batch_size, -1, rows, columns)


def plain_pillars(model: BevDetector, config: ModelConfig) -> PlainPillars | None:
    """The plain form of a network's encoder; None where it has no pillars, or theirs no end."""
    places = config.capacity.max_points_per_pillar
    if places is None or not isinstance(model.encoder, PillarEncoder):
        return None
    return PlainPillars(model.encoder, config, places)


def make_plain(model: AnyModel, config: AnyModelConfig) -> None:
    """Let a network train as published code does; its parameters stay.

    Pillars are padded, maps lie channel by channel. Raises ``ValueError`` for one of raw points.
    """
    model, config = network_from_above(Checkpoint(model, config, {}))
    pillars = plain_pillars(model, config)
    if pillars is not None:
        model.add_module("encoder", pillars)
    model.arrange(torch.contiguous_format)
