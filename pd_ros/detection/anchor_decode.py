"""Anchor maps to boxes (PointPillars section 2.3)."""

import torch
from torch import Tensor

from pd_ros.detection.anchor_head import by_anchor
from pd_ros.detection.anchors import anchor_head, decode_boxes, make_anchors, yaw_in_bin
from pd_ros.detection.boxes import wrap_angle
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.types import Detections, ModelOutput


class AnchorCandidates:
    """Boxes of an anchor head before NMS; keeps the anchors of its config."""

    def __init__(self, config: ModelConfig, device: torch.device) -> None:
        self._config = config
        self._head = anchor_head(config)
        self._anchors = make_anchors(config).to(device)

    def __call__(self, output: ModelOutput) -> list[Detections]:
        """Boxes of every sample of the batch, by falling score.

        Each anchor stands for its best class. The best ``max_candidates`` above the threshold
        become boxes.
        """
        assert output.direction is not None
        classes = len(self._config.classes)
        maps = (
            by_anchor(output.heatmap.float(), classes).sigmoid(),
            by_anchor(output.box.float(), 7),
            by_anchor(output.direction.float(), 2),
        )
        return [self._sample(*sample) for sample in zip(*maps, strict=True)]

    def _sample(self, scores: Tensor, differences: Tensor, direction: Tensor) -> Detections:
        settings = self._config.decode
        score, label = scores.max(dim=1)
        best, index = score.topk(min(settings.max_candidates, len(score)))
        index = index[best > settings.score_threshold]
        boxes = decode_boxes(differences[index], self._anchors[index])
        offset = self._head.direction_offset_rad
        yaw = yaw_in_bin(boxes[:, 6], direction[index].argmax(dim=1), offset)
        boxes = torch.cat((boxes[:, :6], wrap_angle(yaw)[:, None]), dim=1)
        usable = boxes.isfinite().all(dim=1)  # a half-precision overflow must not go out
        index, boxes = index[usable], boxes[usable]
        return Detections(boxes, score[index], label[index])
