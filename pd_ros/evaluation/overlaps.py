"""Overlaps of the boxes of many frames at once, and of boxes in an image."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from pd_ros.detection.boxes import paired_bev_iou, paired_iou_3d
from pd_ros.evaluation.matching import Floats


class FrameOverlaps(NamedTuple):
    """IoU of G ground-truth boxes with D detections of one frame."""

    bev: Floats  # [G, D]
    volume: Floats  # [G, D]


def upright_overlaps(truth: Sequence[Floats], found: Sequence[Floats]) -> list[FrameOverlaps]:
    """IoU of all pairs within each frame; each frame's boxes are ``[G, 7]`` and ``[D, 7]``.

    All frames are worked out in one go: thousands of frames hold few boxes each.
    """
    pairs = [_close_pairs(a, b) for a, b in zip(truth, found, strict=True)]
    a = _stack([boxes[rows] for boxes, (rows, _) in zip(truth, pairs, strict=True)])
    b = _stack([boxes[columns] for boxes, (_, columns) in zip(found, pairs, strict=True)])
    bev, volume = paired_bev_iou(a, b).numpy(), paired_iou_3d(a, b).numpy()
    overlaps, start = [], 0
    for boxes, detections, (rows, columns) in zip(truth, found, pairs, strict=True):
        part = slice(start, start + len(rows))
        frame = FrameOverlaps(*np.zeros((2, len(boxes), len(detections))))
        frame.bev[rows, columns] = bev[part]
        frame.volume[rows, columns] = volume[part]
        overlaps.append(frame)
        start += len(rows)
    return overlaps


def image_overlaps(truth: Floats, found: Floats) -> Floats:
    """IoU ``[G, D]`` of image boxes x1, y1, x2, y2 in pixels."""
    shared = _shared_area(truth, found)
    union = _area(truth)[:, None] + _area(found)[None, :] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=shared > 0)


def image_coverage(regions: Floats, found: Floats) -> Floats:
    """The part ``[R, D]`` of each image box that a region covers."""
    shared = _shared_area(regions, found)
    area = np.broadcast_to(_area(found)[None, :], shared.shape)
    return np.divide(shared, area, out=np.zeros_like(shared), where=shared > 0)


def _close_pairs(a: Floats, b: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pairs whose circumscribed circles meet; no others overlap."""
    distance = np.linalg.norm(a[:, None, :2] - b[None, :, :2], axis=-1)
    reach = np.linalg.norm(a[:, 3:5], axis=1)[:, None] + np.linalg.norm(b[:, 3:5], axis=1)
    rows, columns = np.nonzero(distance <= reach / 2 * (1 + 1e-9))
    return rows, columns


def _stack(parts: Sequence[Floats]) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([np.zeros((0, 7)), *parts]))


def _shared_area(a: Floats, b: Floats) -> Floats:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared: Floats = np.maximum(high - low, 0).prod(axis=-1)
    return shared


def _area(boxes: Floats) -> Floats:
    area: Floats = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return area
