"""Anchor maps to boxes (PointPillars section 2.3)."""

import torch
from torch import Tensor

from pd_ros.detection.anchor_head import AnchorValues, by_anchor
from pd_ros.detection.anchors import anchor_head, decode_boxes, level_anchors, yaw_in_bin
from pd_ros.detection.boxes import nms, wrap_angle
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.types import Detections, ModelOutput


class AnchorDecoder:
    """Boxes of an anchor head; keeps the anchors of its config."""

    def __init__(self, config: ModelConfig, device: torch.device) -> None:
        self._config = config
        self._head = anchor_head(config)
        levels = [level.flatten(0, 2) for level in level_anchors(config)]
        self._sizes = [len(level) for level in levels]
        self._anchors = torch.cat(levels).to(device)

    def __call__(self, output: ModelOutput) -> list[Detections]:
        """Boxes of every sample of the batch.

        The best ``max_candidates`` anchors of each level become boxes. Each stands for its best
        class, and rotated NMS over all classes together keeps the best of those that overlap; with
        ``nms_per_class`` each stands for all classes above the threshold, and every class has an
        NMS of its own.
        """
        values = by_anchor(output)
        samples = zip(values.classes.sigmoid(), values.box, values.direction, strict=True)
        return [self._sample(AnchorValues(*sample)) for sample in samples]

    def _sample(self, values: AnchorValues) -> Detections:
        settings = self._config.decode
        anchor, label, score = self._candidates(values.classes)
        boxes = decode_boxes(values.box[anchor], self._anchors[anchor])
        offset = self._head.direction_offset_rad
        yaw = yaw_in_bin(boxes[:, 6], values.direction[anchor].argmax(dim=1), offset)
        boxes = torch.cat((boxes[:, :6], wrap_angle(yaw)[:, None], boxes[:, 7:]), dim=1)
        usable = boxes.isfinite().all(dim=1)  # a half-precision overflow must not go out
        boxes, label, score = boxes[usable], label[usable], score[usable]
        apart = self._spread(boxes[:, :7], label) if settings.nms_per_class else boxes[:, :7]
        kept = nms(apart, score, settings.nms_iou_threshold, settings.max_detections)
        velocities = boxes[kept, 7:] if self._head.velocity else None
        return Detections(boxes[kept, :7], score[kept], label[kept], velocities)

    def _candidates(self, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Anchor, class and score ``[D]`` of what may become a box, of ``[N, K]`` scores."""
        settings = self._config.decode
        best, label = scores.max(dim=1)
        found, first = [], 0
        for level in torch.split(best, self._sizes):
            found.append(level.topk(min(settings.max_candidates, len(level))).indices + first)
            first += len(level)
        anchor = torch.cat(found)
        if settings.nms_per_class:
            # No more than anchors, so that a network that has learnt nothing is not slow.
            best, pair = scores[anchor].flatten().topk(len(anchor))
            pair = pair[best > settings.score_threshold]
            classes = scores.shape[1]
            row = torch.div(pair, classes, rounding_mode="floor")
            return anchor[row], pair % classes, best[: len(pair)]
        anchor = anchor[best[anchor] > settings.score_threshold]
        return anchor, label[anchor], best[anchor]

    def _spread(self, boxes: Tensor, label: Tensor) -> Tensor:
        """The boxes ``[D, 7]`` with each class at a place of its own, so that none meet others."""
        x0, _, _, x1, _, _ = self._config.grid.range_m
        shift = torch.zeros_like(boxes)
        shift[:, 0] = label * (2 * (x1 - x0))
        return boxes + shift
