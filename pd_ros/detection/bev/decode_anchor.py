"""Anchor maps to boxes (PointPillars section 2.3)."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pd_ros.detection.bev.anchor_head import AnchorValues, by_anchor
from pd_ros.detection.bev.anchors import anchor_head, decode_boxes, level_anchors, yaw_in_bin
from pd_ros.detection.bev.decode_center import class_numbers, of_group, probability, zero_or_nan
from pd_ros.detection.boxes import wrap_angle
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.types import Detections, HeadMaps


class AnchorPeaks:
    """Boxes of an anchor head before NMS; keeps the anchors of its config."""

    def __init__(self, config: ModelConfig, device: torch.device) -> None:
        self._config = config
        self._head = anchor_head(config)
        levels = [level.flatten(0, 2) for level in level_anchors(config)]
        self._sizes = [len(level) for level in levels]
        self._anchors = torch.cat(levels).to(device)

    def __call__(self, maps: HeadMaps) -> list[Detections]:
        """Boxes of every sample of the batch before NMS, always as many; see ``decode.peaks``.

        The best ``max_candidates`` anchors of each level become boxes, in each group of classes.
        Each stands for its best class; with ``nms_per_class`` the best classes of all of them do.
        """
        values = by_anchor(maps)
        samples = zip(probability(values.classes), values.box, values.direction, strict=True)
        return [self._sample(AnchorValues(*sample)) for sample in samples]

    def _sample(self, values: AnchorValues) -> Detections:
        anchor, label, score = self._best(values.classes)
        boxes = decode_boxes(values.box[anchor], self._anchors[anchor])
        offset = self._head.direction_offset_rad
        yaw = yaw_in_bin(boxes[:, 6], values.direction[anchor].argmax(dim=1), offset)
        velocities = boxes[:, 7:] if self._head.velocity else None
        boxes = torch.cat((boxes[:, :6], wrap_angle(yaw)[:, None]), dim=1)
        for told in (values.box[anchor], values.direction[anchor]):
            boxes = boxes + zero_or_nan(told).sum(dim=1, keepdim=True)
        facing = values.direction[anchor].float().nan_to_num(0.0, 0.0, 0.0).softmax(dim=1)
        return Detections(boxes, score, label, velocities, facing.amax(dim=1))

    def _best(self, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Anchor, class and score ``[D]`` of what may become a box, of ``[N, K]`` scores."""
        if self._config.decode.nms_per_class:
            anchor = self._candidates(scores.amax(dim=1))
            # No more than anchors, so that a network that has learnt nothing is not slow.
            best, pair = scores[anchor].flatten().topk(len(anchor))
            classes = scores.shape[1]
            row = torch.div(pair, classes, rounding_mode="floor")
            return anchor[row], pair % classes, best
        found = [self._best_of(scores, group) for group in self._config.class_groups]
        anchor, label, best = (torch.cat(parts) for parts in zip(*found, strict=True))
        return anchor, label, best

    def _best_of(self, scores: Tensor, group: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """The same for a group of classes; each anchor stands for its best one."""
        best, place = of_group(scores.T, group).max(dim=0)
        anchor = self._candidates(best)
        return anchor, class_numbers(place[anchor], group), best[anchor]

    def _candidates(self, best: Tensor) -> Tensor:
        """The anchors with the highest scores of each level, of ``[N]`` scores."""
        most, found, first = self._config.decode.max_candidates, [], 0
        for level in torch.split(best, self._sizes):
            found.append(level.topk(min(most, len(level))).indices + first)
            first += len(level)
        return torch.cat(found)
