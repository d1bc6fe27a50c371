"""Exact overlap of upright boxes, from above and in space.

Boxes are ``[N, 7]`` as in ``types.py``. Overlaps are worked out in float64 in the frame of one of
the two boxes, whatever the input's type: large coordinates and centimetre boxes lose nothing.
"""

import math

import torch
from torch import Tensor

# Unit corners, counter-clockwise from front left: (+l, +w), (-l, +w), (-l, -w), (+l, -w).
_CORNER_SIGNS = ((0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5))
# Pairs are treated in blocks, so that a crowded scene needs a bounded amount of memory.
_PAIRS_PER_BLOCK = 1 << 17


def bev_corners(boxes: Tensor) -> Tensor:
    """Corners ``[N, 4, 2]`` in metres of boxes ``[N, 7]``, counter-clockwise from front left."""
    signs = torch.tensor(_CORNER_SIGNS, dtype=boxes.dtype, device=boxes.device)
    offsets = signs * boxes[:, None, 3:5]  # [N, 4, 2] along the box's own axes
    return boxes[:, None, :2] + rotate(offsets, boxes[:, None, 6])


def bev_iou(a: Tensor, b: Tensor) -> Tensor:
    """Rotated bird's-eye IoU of every pair: ``[N, 7]``, ``[M, 7]`` -> ``[N, M]``, in ``a``'s type.

    A box of zero length or width overlaps nothing. No boxes on a side give an empty matrix.
    """
    return _all_pairs(a, b, with_height=False)


def iou_3d(a: Tensor, b: Tensor) -> Tensor:
    """IoU of the volumes of every pair: ``[N, 7]``, ``[M, 7]`` -> ``[N, M]``, in ``a``'s type."""
    return _all_pairs(a, b, with_height=True)


def paired_bev_iou(a: Tensor, b: Tensor) -> Tensor:
    """Rotated bird's-eye IoU row by row: ``[N, 7]``, ``[N, 7]`` -> ``[N]``."""
    return _paired(a, b, with_height=False)


def paired_iou_3d(a: Tensor, b: Tensor) -> Tensor:
    """IoU of the volumes row by row: ``[N, 7]``, ``[N, 7]`` -> ``[N]``."""
    return _paired(a, b, with_height=True)


def touching_pairs(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of the pairs whose circumscribed circles meet; no others can overlap."""
    a, b = a.double(), b.double()
    distance = torch.cdist(a[:, :2], b[:, :2], compute_mode="donot_use_mm_for_euclid_dist")
    radius_a, radius_b = a[:, 3:5].norm(dim=1) / 2, b[:, 3:5].norm(dim=1) / 2
    reach = radius_a[:, None] + radius_b[None, :]
    rows, columns = torch.nonzero(distance <= reach * (1 + 1e-9), as_tuple=True)
    return rows, columns


def rotate(xy: Tensor, angle_rad: Tensor) -> Tensor:
    """Turn vectors ``[..., 2]`` counter-clockwise by angles that broadcast against ``[...]``."""
    cos, sin = angle_rad.cos(), angle_rad.sin()
    x, y = xy.unbind(-1)
    return torch.stack((x * cos - y * sin, x * sin + y * cos), dim=-1)


def _all_pairs(a: Tensor, b: Tensor, with_height: bool) -> Tensor:
    iou = a.new_zeros(len(a), len(b))
    rows, columns = touching_pairs(a, b)
    iou[rows, columns] = _paired(a[rows], b[columns], with_height)
    return iou


def _paired(a: Tensor, b: Tensor, with_height: bool) -> Tensor:
    blocks = [
        _paired_block(block_a.double(), block_b.double(), with_height)
        for block_a, block_b in zip(
            torch.split(a, _PAIRS_PER_BLOCK), torch.split(b, _PAIRS_PER_BLOCK), strict=True
        )
    ]
    return torch.cat(blocks).to(a.dtype)


def _paired_block(a: Tensor, b: Tensor, with_height: bool) -> Tensor:
    shared = _bev_intersection(a, b)
    size_a, size_b = a[:, 3] * a[:, 4], b[:, 3] * b[:, 4]
    if with_height:
        top = torch.minimum(a[:, 2] + a[:, 5] / 2, b[:, 2] + b[:, 5] / 2)
        bottom = torch.maximum(a[:, 2] - a[:, 5] / 2, b[:, 2] - b[:, 5] / 2)
        shared = shared * (top - bottom).clamp(min=0)
        size_a, size_b = size_a * a[:, 5], size_b * b[:, 5]
    union = size_a + size_b - shared
    defined = (size_a > 0) & (size_b > 0)
    return torch.where(defined, shared / torch.where(defined, union, 1.0), 0.0).clamp(0, 1)


def _bev_intersection(a: Tensor, b: Tensor) -> Tensor:
    """Area ``[N]`` shared by the footprints of paired float64 boxes.

    The shared polygon is convex: its corners are the corners of either box that lie in the other
    and the crossings of their edges; sorted by angle about their mean they give the area. Corners
    are tested with a tolerance far below float32's, so coinciding edges need no special case.
    """
    # In a's own frame a is axis-aligned and centred: what is near stays near, and exact.
    b = b.clone()
    b[:, :2] = rotate(b[:, :2] - a[:, :2], -a[:, 6])
    b[:, 6] = b[:, 6] - a[:, 6]
    a = torch.cat((torch.zeros_like(a[:, :3]), a[:, 3:6], torch.zeros_like(a[:, 6:])), dim=1)
    corners_a, corners_b = bev_corners(a), bev_corners(b)
    crossings, crosses = _edge_crossings(corners_a, corners_b)
    candidates = torch.cat((corners_a, corners_b, crossings), dim=1)  # [N, 24, 2]
    valid = torch.cat((_inside(corners_a, b), _inside(corners_b, a), crosses), dim=1)
    return _convex_area(candidates, valid)


def _inside(corners: Tensor, boxes: Tensor) -> Tensor:
    """Whether corners ``[N, 4, 2]`` lie in or on the boxes ``[N, 7]`` of their row: ``[N, 4]``."""
    local = rotate(corners - boxes[:, None, :2], -boxes[:, None, 6])
    half = boxes[:, None, 3:5] / 2
    return (local.abs() <= half + 1e-12 * half.amax(dim=-1, keepdim=True)).all(dim=-1)


def _edge_crossings(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Where edges of ``[N, 4, 2]`` polygons cross: points ``[N, 16, 2]`` and whether they do."""
    start_a, start_b = a[:, :, None], b[:, None, :]
    along_a = a.roll(-1, dims=1)[:, :, None] - start_a
    along_b = b.roll(-1, dims=1)[:, None, :] - start_b
    between = start_b - start_a
    determinant = _cross(along_a, along_b)
    parallel = determinant.abs() <= 1e-14 * along_a.norm(dim=-1) * along_b.norm(dim=-1)
    divisor = torch.where(parallel, 1.0, determinant)
    t = _cross(between, along_b) / divisor
    u = _cross(between, along_a) / divisor
    crosses = ~parallel & (t >= 0) & (t <= 1) & (u >= 0) & (u <= 1)
    points = start_a + t[..., None] * along_a
    return points.flatten(1, 2), crosses.flatten(1, 2)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _convex_area(points: Tensor, valid: Tensor) -> Tensor:
    """Area ``[N]`` of the convex polygons whose corners are the valid points ``[N, P, 2]``."""
    count = valid.sum(dim=1)
    weight = valid.to(points.dtype)[..., None]
    centre = (points * weight).sum(dim=1) / count.clamp(min=1)[:, None]
    offset = (points - centre[:, None]) * weight
    angle = torch.where(valid, torch.atan2(offset[..., 1], offset[..., 0]), math.inf)
    order = angle.argsort(dim=1)
    offset = offset.gather(1, order[..., None].expand_as(offset))
    # Invalid ones come last as zeros; closing the ring over them must lead back to the first.
    slot = torch.arange(points.shape[1], device=points.device)
    following = torch.where(slot + 1 < count[:, None], slot + 1, 0)
    following_offset = offset.gather(1, following[..., None].expand_as(offset))
    return _cross(offset, following_offset).sum(dim=1) / 2
