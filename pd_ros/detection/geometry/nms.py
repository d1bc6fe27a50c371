"""Rotated non-maximum suppression; exact overlaps only where quick ones do not decide."""

from collections.abc import Iterator

import torch
from torch import Tensor

from pd_ros.detection.geometry.footprints import Footprints
from pd_ros.detection.geometry.overlap import paired_bev_iou

# A quick overlap that comes this close to the threshold does not decide; the exact one does.
_MARGIN = 1e-6
# Boxes are taken in blocks, best first: a few suppress most others, whose pairs nobody needs then.
_FIRST_BLOCK = 384
_MOST_BLOCK = 1536  # and pairs of all would be too many


def nms(
    boxes: Tensor, scores: Tensor, iou_threshold: float, max_keep: int | None = None
) -> Tensor:
    """Greedy rotated non-maximum suppression.

    Takes boxes ``[N, 7]`` and scores ``[N]``; returns kept indices ``[K]`` by falling score (equal
    scores: lower index first). A box is suppressed where its BEV IoU with a kept one is greater
    than ``iou_threshold``. At most ``max_keep`` are kept; no boxes give no indices.
    """
    order = torch.argsort(scores, descending=True, stable=True)
    if iou_threshold >= 1 or not len(order):  # no overlap is greater
        return order[:max_keep]
    most = len(order) if max_keep is None else max_keep
    rivals = _Rivals(boxes[order], iou_threshold)
    kept = order[:0]
    for block in _blocks(len(order), order.device):
        if len(kept) >= most:
            break
        free = block if not len(kept) else rivals.beside(kept, block)
        kept = torch.cat((kept, rivals.best(free, most - len(kept))))
    return order[kept]


def _blocks(count: int, device: torch.device) -> Iterator[Tensor]:
    """Indices from 0 to ``count`` in blocks that grow."""
    begin, size = 0, _FIRST_BLOCK
    while begin < count:
        yield torch.arange(begin, min(begin + size, count), device=device)
        begin, size = begin + size, min(2 * size, _MOST_BLOCK)


class _Rivals:
    """Boxes ``[N, 7]`` by falling score, of which the better suppress the worse.

    Everywhere below a box is its place in them.
    """

    def __init__(self, boxes: Tensor, threshold: float) -> None:
        self._boxes = boxes
        self._footprints = Footprints(boxes, threshold)
        self._threshold = threshold

    def beside(self, kept: Tensor, block: Tensor) -> Tensor:
        """Boxes of a block that no kept one suppresses; all of these are better."""
        _, worse = self._suppressing(kept, block)
        free = torch.ones(len(self._boxes), dtype=torch.bool, device=block.device)
        free[worse] = False
        return block[free[block]]

    def best(self, block: Tensor, max_keep: int) -> Tensor:
        """Those of a block that stay, the first ones of it."""
        better, worse = self._suppressing(block, block)
        suppressed: dict[int, list[int]] = {}
        for strong, weak in zip(better.tolist(), worse.tolist(), strict=True):
            suppressed.setdefault(strong, []).append(weak)
        kept = _greedy(block.tolist(), suppressed, max_keep)
        return torch.tensor(kept, dtype=torch.int64, device=block.device)

    def _suppressing(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Pairs of a box and a worse one, of which the first suppresses the second if it stays."""
        better, worse = self._footprints.rivals(first, second)
        quick = self._footprints.overlaps(better, worse)
        over = quick > self._threshold
        close = ((quick - self._threshold).abs() <= _MARGIN).nonzero().squeeze(1)
        if len(close):
            a, b = self._boxes[better[close]], self._boxes[worse[close]]
            over[close] = paired_bev_iou(a, b) > self._threshold
        return better[over], worse[over]


def _greedy(block: list[int], suppressed: dict[int, list[int]], max_keep: int) -> list[int]:
    kept: list[int] = []
    gone: set[int] = set()
    for box in block:
        if len(kept) >= max_keep:
            break
        if box not in gone:
            kept.append(box)
            gone.update(suppressed.get(box, ()))
    return kept
