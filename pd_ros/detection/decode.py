"""Heatmap and box map to boxes."""

import torch
from torch import Tensor

from pd_ros.detection.boxes import nms
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.part_config import DecodeConfig
from pd_ros.detection.types import Detections, ModelOutput

# exp(4) = 55 m: no network, however confused, may overflow a size.
_MAX_LOG_SIZE = 4.0


def decode(output: ModelOutput, config: ModelConfig) -> list[Detections]:
    """Boxes of every sample: of its :func:`candidates` those that :func:`suppress` keeps.

    No peak gives empty detections.
    """
    return [suppress(found, config.decode) for found in candidates(output, config)]


def suppress(found: Detections, settings: DecodeConfig) -> Detections:
    """Rotated NMS: the best of the boxes that overlap.

    Over all classes together, or with ``nms_per_class`` over those of each class.
    """
    boxes = _apart_by_class(found) if settings.nms_per_class else found.boxes
    return found.select(
        nms(boxes, found.scores, settings.nms_iou_threshold, settings.max_detections)
    )


def _apart_by_class(found: Detections) -> Tensor:
    """The boxes ``[D, 7]`` with each class at a place of its own, so that none meet others."""
    boxes = found.boxes.clone()
    if len(boxes):
        span = boxes[:, 0].max() - boxes[:, 0].min() + 2 * boxes[:, 3:5].sum(dim=1).max()
        boxes[:, 0] += found.labels * span
    return boxes


def candidates(output: ModelOutput, config: ModelConfig) -> list[Detections]:
    """Boxes of the best ``max_candidates`` (class, cell) scores above the threshold."""
    heatmap = output.heatmap.float().sigmoid()
    box_map = output.box.float()
    return [
        _sample_candidates(scores, box, config)
        for scores, box in zip(heatmap, box_map, strict=True)
    ]


def boxes_at(box_map: Tensor, cells: Tensor, config: ModelConfig) -> Tensor:
    """Boxes ``[M, 7]`` at flat cells ``[M]`` (row * columns + column) of a map ``[8, H, W]``."""
    columns = box_map.shape[2]
    values = box_map.flatten(1)[:, cells].T
    row = torch.div(cells, columns, rounding_mode="floor")
    column = cells - row * columns
    cell_x, cell_y = config.output_cell_m
    x = (column + values[:, 0]) * cell_x + config.grid.range_m[0]
    y = (row + values[:, 1]) * cell_y + config.grid.range_m[1]
    size = values[:, 3:6].clamp(max=_MAX_LOG_SIZE).exp()
    yaw = torch.atan2(values[:, 7], values[:, 6])
    return torch.cat((torch.stack((x, y, values[:, 2]), 1), size, yaw[:, None]), dim=1)


def _sample_candidates(scores: Tensor, box_map: Tensor, config: ModelConfig) -> Detections:
    settings: DecodeConfig = config.decode
    cells = scores.shape[1] * scores.shape[2]
    flat = scores.flatten()
    count = min(settings.max_candidates, len(flat))
    best, index = flat.topk(count)
    index = index[best > settings.score_threshold]
    boxes = boxes_at(box_map, index % cells, config)
    usable = boxes.isfinite().all(dim=1)  # a half-precision overflow must not reach the vehicle
    index, boxes = index[usable], boxes[usable]
    return Detections(boxes, flat[index], torch.div(index, cells, rounding_mode="floor"))
