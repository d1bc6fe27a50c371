"""Heatmap and box map to boxes."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from pd_ros.detection.boxes import nms, wrap_angle
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import CenterHeadConfig, DecodeConfig
from pd_ros.detection.types import CellMaps, Detections

# exp(4) = 55 m: no network, however confused, may overflow a size.
_MAX_LOG_SIZE = 4.0


def tells_direction(config: ModelConfig) -> bool:
    """Whether boxes are written by cos and sin of twice the yaw; see ``CenterHeadConfig``."""
    return isinstance(config.head, CenterHeadConfig) and config.head.direction


def suppress(
    found: Detections, settings: DecodeConfig, groups: Sequence[Sequence[int]] = ()
) -> Detections:
    """Rotated NMS: the best of the boxes that overlap, by falling score.

    Over all classes together, with ``nms_per_class`` over those of each class, or, where there
    are several ``groups`` of classes (their numbers), in each of them with its own
    ``max_detections``.
    """
    if len(groups) > 1:
        parts = [suppress(found.select(_of_classes(found, group)), settings) for group in groups]
        together = join(parts)
        return together.select(together.scores.argsort(descending=True, stable=True))
    boxes = _apart_by_class(found) if settings.nms_per_class else found.boxes
    return found.select(
        nms(boxes, found.scores, settings.nms_iou_threshold, settings.max_detections)
    )


def _of_classes(found: Detections, group: Sequence[int]) -> Tensor:
    """Mark the boxes ``[D]`` that are of one of the classes."""
    mine = torch.zeros_like(found.labels, dtype=torch.bool)
    for label in group:
        mine |= found.labels == label
    return mine


def join(parts: Sequence[Detections]) -> Detections:
    """The boxes of all parts, one after the other; all parts or none have an optional field."""
    if len(parts) == 1:
        return parts[0]
    fields = zip(*parts, strict=True)
    return Detections._make(None if field[0] is None else torch.cat(field) for field in fields)


def _apart_by_class(found: Detections) -> Tensor:
    """The boxes ``[D, 7]`` with each class at a place of its own, so that none meet others."""
    boxes = found.boxes.clone()
    if len(boxes):
        span = boxes[:, 0].max() - boxes[:, 0].min() + 2 * boxes[:, 3:5].sum(dim=1).max()
        boxes[:, 0] += found.labels * span
    return boxes


def at_least(settings: DecodeConfig, score: float) -> DecodeConfig:
    """The settings for who uses no box below a score: the threshold is not below it, either."""
    if score <= settings.score_threshold:
        return settings
    return settings.model_copy(update={"score_threshold": score})


def usable(found: Detections, settings: DecodeConfig) -> Detections:
    """Those above the threshold, with their centres in the range if there is to be one.

    What a half precision made infinite must not go out.
    """
    keep = (found.scores > settings.score_threshold) & found.boxes.isfinite().all(dim=1)
    if settings.centre_range_m is not None:
        limits = zip(settings.centre_range_m[:3], settings.centre_range_m[3:], strict=True)
        for centre, (lower, upper) in zip(found.boxes[:, :3].unbind(1), limits, strict=True):
            keep &= (centre >= lower) & (centre <= upper)
    if found.velocities is not None:
        keep &= found.velocities.isfinite().all(dim=1)
    return found.select(keep)


def count_not_finite(found: Detections, settings: DecodeConfig) -> int:
    """Count those of a network's best boxes that are no answer: their values are not finite."""
    lost = ~found.boxes.isfinite().all(dim=1) & (found.scores > settings.score_threshold)
    return int((lost | ~found.scores.isfinite()).sum())


def zero_or_nan(values: Tensor) -> Tensor:
    """0 where values are finite, else NaN; added to a result that would look sound without."""
    return values - values


def probability(logits: Tensor) -> Tensor:
    """Sigmoid in float32; NaN of what is infinite, which is no answer, however sure it looks."""
    exact = logits.float()
    return exact.sigmoid() + zero_or_nan(exact)


def peaks(maps: CellMaps, config: ModelConfig) -> list[Detections]:
    """Boxes of the best ``max_candidates`` (class, cell) scores of each sample, however low.

    Of each group of classes as many. Always the same number, so that a GPU can be told of the
    work once for all clouds.
    """
    scores, groups = _scores(maps, config), config.class_groups
    return [
        join([_group_peaks(sample, maps, i, number, config) for number in range(len(groups))])
        for i, sample in enumerate(scores)
    ]


def boxes_of(
    column_row: Tensor, values: Tensor, facing: Tensor | None, config: ModelConfig
) -> Tensor:
    """Boxes ``[M, 7]`` that cells ``[M, 2]`` mean by values ``[M, 8 or 10]``, see ``ModelOutput``.

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


def front_probability(boxes: Tensor, facing: Tensor) -> Tensor:
    """How sure boxes ``[M, 7]`` are, from 0.5 to 1, that their front is not their back: ``[M]``.

    ``facing``: as of ``boxes_of``, which turned the boxes by it. 0.5 of what is not finite.
    """
    logit = facing[:, 0] * boxes[:, 6].cos() + facing[:, 1] * boxes[:, 6].sin()
    return logit.nan_to_num(0.0, 0.0, 0.0).clamp(min=0).sigmoid()


def rows_at(values: Tensor, sample: Tensor, cells: Tensor) -> Tensor:
    """Float32 rows ``[M, C]`` of maps ``[B, C, H, W]`` at flat cells of samples, both ``[M]``."""
    return values.flatten(2)[sample, :, cells].float()


def _scores(maps: CellMaps, config: ModelConfig) -> Tensor:
    """Scores ``[B, K, H, W]`` of all boxes."""
    return scores_of(maps.heatmap, maps.quality, config)


def scores_of(classes: Tensor, qualities: Tensor | None, config: ModelConfig) -> Tensor:
    """Scores of boxes by the logits of their classes and, of heads that tell it, their quality.

    Of any shapes that broadcast; NaN of what is not finite.
    """
    if qualities is None:
        return probability(classes)
    assert isinstance(config.head, CenterHeadConfig)
    share = config.head.quality
    quality, heatmap = qualities.float(), classes.float()
    scores = ((1 - share) * logsigmoid(heatmap) + share * logsigmoid(quality)).exp()
    return scores + zero_or_nan(heatmap) + zero_or_nan(quality)


def _group_peaks(
    scores: Tensor, maps: CellMaps, sample: int, number: int, config: ModelConfig
) -> Detections:
    """Boxes of one group of classes in one sample, whose scores are ``[K, H, W]``."""
    group, cells = config.class_groups[number], scores[0].numel()
    flat = of_group(scores, group).flatten()
    best, index = flat.topk(min(config.decode.max_candidates, len(flat)))
    place, cell = torch.div(index, cells, rounding_mode="floor"), index % cells
    boxes, velocities, sure = boxes_in(maps, sample, cell, number, config)
    return Detections(boxes, best, class_numbers(place, group), velocities, sure)


def boxes_in(
    maps: CellMaps, sample: int, cells: Tensor, number: int, config: ModelConfig
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Boxes of a group of classes in cells ``[M]`` of a sample, counted row by row.

    With their velocities and how sure their front is, of heads that tell it; see ``Detections``.
    """
    columns = maps.heatmap.shape[3]
    row = torch.div(cells, columns, rounding_mode="floor")
    told = maps.at(sample, cells)
    values = told.box[:, number * config.box_values : (number + 1) * config.box_values]
    place = torch.stack((cells - row * columns, row), dim=1)
    boxes = boxes_of(place, values, told.direction, config)
    sure = None if told.direction is None else front_probability(boxes, told.direction)
    return boxes, _velocities(values), sure


def of_group(scores: Tensor, group: Sequence[int]) -> Tensor:
    """Scores of a group's classes, of those of all classes ``[K, ...]``; without a copy if all."""
    if list(group) == list(range(len(scores))):
        return scores
    return torch.stack([scores[number] for number in group])


def class_numbers(place: Tensor, group: Sequence[int]) -> Tensor:
    """Numbers of the classes at places ``[M]`` in their group; nothing is sent to a GPU for it."""
    numbers = place
    if list(group) != list(range(len(group))):
        for position, number in enumerate(group):
            numbers = numbers.masked_fill(place == position, number)
    return numbers


def _velocities(values: Tensor) -> Tensor | None:
    """Velocities ``[M, 2]`` in values ``[M, 8 or 10]``, as of ``boxes_of``; None of 8."""
    return values[:, 8:] if values.shape[1] > 8 else None
