"""Heatmap and box map to boxes."""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from pd_ros.detection.boxes import nms, wrap_angle
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.part_config import CenterHeadConfig, DecodeConfig
from pd_ros.detection.types import Detections, HeadMaps

# exp(4) = 55 m: no network, however confused, may overflow a size.
_MAX_LOG_SIZE = 4.0


def tells_direction(config: ModelConfig) -> bool:
    """Whether boxes are written by cos and sin of twice the yaw; see ``CenterHeadConfig``."""
    return isinstance(config.head, CenterHeadConfig) and config.head.direction


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


def usable(found: Detections, settings: DecodeConfig) -> Detections:
    """Those above the threshold; what a half precision made infinite must not go out."""
    keep = (found.scores > settings.score_threshold) & found.boxes.isfinite().all(dim=1)
    if found.velocities is not None:
        keep &= found.velocities.isfinite().all(dim=1)
    return found.select(keep)


def count_not_finite(found: Detections, settings: DecodeConfig) -> int:
    """How many of a network's best boxes are no answer, since their values are not finite."""
    lost = ~found.boxes.isfinite().all(dim=1) & (found.scores > settings.score_threshold)
    return int((lost | ~found.scores.isfinite()).sum())


def zero_or_nan(values: Tensor) -> Tensor:
    """0 where values are finite, else NaN; added to a result that would look sound without."""
    return values - values


def probability(logits: Tensor) -> Tensor:
    """Sigmoid in float32; NaN of what is infinite, which is no answer, however sure it looks."""
    exact = logits.float()
    return exact.sigmoid() + zero_or_nan(exact)


def peaks(maps: HeadMaps, config: ModelConfig) -> list[Detections]:
    """Boxes of the best ``max_candidates`` (class, cell) scores of each sample, however low.

    Always as many, so that a GPU can be told of the work once for all clouds.
    """
    scores = _scores(maps, config)
    return [_sample_peaks(sample, maps, i, config) for i, sample in enumerate(scores)]


def boxes_at(maps: HeadMaps, sample: Tensor, cells: Tensor, config: ModelConfig) -> Tensor:
    """Boxes ``[M, 7]`` at flat cells ``[M]`` (row * columns + column) of samples ``[M]``."""
    columns = maps.box.shape[3]
    row = torch.div(cells, columns, rounding_mode="floor")
    column_row = torch.stack((cells - row * columns, row), dim=1)
    values = rows_at(maps.box, sample, cells)
    facing = None if maps.direction is None else rows_at(maps.direction, sample, cells)
    return boxes_of(column_row, values, facing, config)


def boxes_of(
    column_row: Tensor, values: Tensor, facing: Tensor | None, config: ModelConfig
) -> Tensor:
    """Boxes ``[M, 7]`` that cells ``[M, 2]`` mean by values ``[M, 8]``, see ``ModelOutput``.

    ``facing``: directions ``[M, 2]`` of a head that tells them; its boxes look either way without.
    """
    position = column_row + values[:, :2]
    (cell_x, cell_y), (x0, y0) = config.output_cell_m, config.grid.range_m[:2]
    x, y = position[:, 0] * cell_x + x0, position[:, 1] * cell_y + y0
    size = values[:, 3:6].clamp(max=_MAX_LOG_SIZE).exp()
    yaw = torch.atan2(values[:, 7], values[:, 6])
    if tells_direction(config):
        yaw = yaw / 2
        if facing is not None:
            looks_back = facing[:, 0] * yaw.cos() + facing[:, 1] * yaw.sin() < 0
            yaw = wrap_angle(yaw + math.pi * looks_back)
    boxes = torch.cat((torch.stack((x, y, values[:, 2]), 1), size, yaw[:, None]), dim=1)
    return boxes + zero_or_nan(values).sum(dim=1, keepdim=True)


def rows_at(values: Tensor, sample: Tensor, cells: Tensor) -> Tensor:
    """Float32 rows ``[M, C]`` of maps ``[B, C, H, W]`` at flat cells of samples, both ``[M]``."""
    return values.flatten(2)[sample, :, cells].float()


def _scores(maps: HeadMaps, config: ModelConfig) -> Tensor:
    """Scores ``[B, K, H, W]`` of the boxes: their classes', and their quality's share."""
    if maps.quality is None:
        return probability(maps.heatmap)
    assert isinstance(config.head, CenterHeadConfig)
    share = config.head.quality
    quality, heatmap = maps.quality.float(), maps.heatmap.float()
    scores = ((1 - share) * logsigmoid(heatmap) + share * logsigmoid(quality)).exp()
    return scores + zero_or_nan(heatmap) + zero_or_nan(quality)


def _sample_peaks(scores: Tensor, maps: HeadMaps, sample: int, config: ModelConfig) -> Detections:
    cells = scores.shape[1] * scores.shape[2]
    flat = scores.flatten()
    best, index = flat.topk(min(config.decode.max_candidates, len(flat)))
    boxes = boxes_at(maps, torch.full_like(index, sample), index % cells, config)
    return Detections(boxes, best, torch.div(index, cells, rounding_mode="floor"))
