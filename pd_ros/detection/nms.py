"""Rotated non-maximum suppression; exact overlaps only where bounds do not decide."""

import torch
from torch import Tensor

from pd_ros.detection.overlap import paired_bev_iou, touching_pairs

# Bounds that come this close to the threshold do not decide; the exact overlap does.
_MARGIN = 1e-6
# Boxes are taken in blocks, best first: pairs of all would be too many.
_BLOCK = 1024


def nms(
    boxes: Tensor, scores: Tensor, iou_threshold: float, max_keep: int | None = None
) -> Tensor:
    """Greedy rotated non-maximum suppression.

    Takes boxes ``[N, 7]`` and scores ``[N]``; returns kept indices ``[K]`` by falling score (equal
    scores: lower index first). A box is suppressed where its BEV IoU with a kept one is greater
    than ``iou_threshold``. At most ``max_keep`` are kept; no boxes give no indices.
    """
    order = torch.argsort(scores, descending=True, stable=True)
    if iou_threshold >= 1:  # no overlap is greater
        return order[:max_keep]
    most = len(order) if max_keep is None else max_keep
    kept = order[:0]
    for block in torch.split(order, _BLOCK):
        if len(kept) >= most:
            break
        free = block
        if len(kept):
            free = block[~_suppressed(boxes[kept], boxes[block], iou_threshold)]
        kept = torch.cat((kept, free[_nms_block(boxes[free], iou_threshold, most - len(kept))]))
    return kept


def _suppressed(kept: Tensor, boxes: Tensor, threshold: float) -> Tensor:
    """Which boxes ``[N, 7]`` one of the kept ``[K, 7]`` suppresses: ``[N]``."""
    result = torch.zeros(len(boxes), dtype=torch.bool, device=boxes.device)
    strong, weak = touching_pairs(kept, boxes)
    result[weak[_overlaps(kept[strong], boxes[weak], threshold)]] = True
    return result


def _nms_block(boxes: Tensor, threshold: float, max_keep: int) -> Tensor:
    """Kept indices of boxes that are sorted by falling score."""
    better, worse = touching_pairs(boxes, boxes)
    below = better < worse
    better, worse = better[below], worse[below]
    overlapping = _overlaps(boxes[better], boxes[worse], threshold)
    suppressed = _suppressed_by(better[overlapping], worse[overlapping], len(boxes))
    kept = _greedy(suppressed, max_keep)
    return torch.tensor(kept, dtype=torch.int64, device=boxes.device)


def _overlaps(a: Tensor, b: Tensor, threshold: float) -> Tensor:
    """Whether the IoU of paired boxes ``[P, 7]`` is greater than a threshold: ``[P]`` bool."""
    lower, upper = bev_iou_bounds(a.double(), b.double())
    result = lower > threshold + _MARGIN
    open_ = (~result & (upper > threshold - _MARGIN)).nonzero().squeeze(1)
    exact = paired_bev_iou(a[open_], b[open_]) > threshold
    return result.index_copy_(0, open_, exact)


def bev_iou_bounds(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Bounds ``[N]``, ``[N]`` of the bird's-eye IoU of paired boxes, at a tenth of its cost.

    In ``a``'s frame: what ``a`` shares with the upright rectangle around ``b`` is too much, what
    it shares with one inside of ``b`` too little.
    """
    dx, dy = (b[:, :2] - a[:, :2]).unbind(1)
    cos_a, sin_a = a[:, 6].cos(), a[:, 6].sin()
    offset = torch.stack((dx * cos_a + dy * sin_a, dy * cos_a - dx * sin_a), dim=1).abs()
    turn = b[:, 6] - a[:, 6]
    cos, sin = turn.cos().abs()[:, None], turn.sin().abs()[:, None]
    half_a, half_b = a[:, 3:5] / 2, b[:, 3:5] / 2
    area_a, area_b = a[:, 3] * a[:, 4], b[:, 3] * b[:, 4]
    around = half_b * cos + half_b.flip(1) * sin
    most = torch.minimum(_upright_overlap(offset, half_a, around), torch.minimum(area_a, area_b))
    least = torch.maximum(
        _upright_overlap(offset, half_a, _fit(half_b, half_b, cos, sin)),
        _upright_overlap(offset, half_a, _fit(half_b.flip(1), half_b, cos, sin)),
    )
    total = (area_a + area_b).clamp(min=1e-300)
    return least / (total - least).clamp(min=1e-300), most / (total - most).clamp(min=1e-300)


def _fit(shape: Tensor, half: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Half sizes of the largest upright rectangle of a shape inside a turned one: ``[N, 2]``."""
    needed = shape * cos + shape.flip(1) * sin  # of the turned rectangle's own half sizes
    return shape * (half / needed.clamp(min=1e-300)).amin(dim=1, keepdim=True)


def _upright_overlap(offset: Tensor, half_a: Tensor, half_b: Tensor) -> Tensor:
    """Area ``[N]`` that rectangles with parallel sides share, ``offset`` apart."""
    reach = torch.minimum(half_a, offset + half_b) - torch.maximum(-half_a, offset - half_b)
    return reach.clamp(min=0).prod(dim=1)


def _suppressed_by(better: Tensor, worse: Tensor, boxes: int) -> list[list[int]]:
    """For each box, those it suppresses if it is kept."""
    result: list[list[int]] = [[] for _ in range(boxes)]
    for strong, weak in zip(better.tolist(), worse.tolist(), strict=True):
        result[strong].append(weak)
    return result


def _greedy(suppressed: list[list[int]], max_keep: int) -> list[int]:
    kept: list[int] = []
    alive = [True] * len(suppressed)
    for i, weaker in enumerate(suppressed):
        if len(kept) >= max_keep:
            break
        if alive[i]:
            kept.append(i)
            for j in weaker:
                alive[j] = False
    return kept
