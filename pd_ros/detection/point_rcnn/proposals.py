"""From the boxes of single points to those that are looked at again (PointRCNN section 3.2)."""

import torch
from torch import Tensor

from pd_ros.detection.boxes import nms, points_in_boxes
from pd_ros.detection.config.point_rcnn import ProposalConfig
from pd_ros.detection.geometry.overlap import rotate
from pd_ros.detection.point_rcnn.box_coder import decode_from_points
from pd_ros.detection.types import PointOutput, Proposals


@torch.no_grad()
def propose(output: PointOutput, sizes: Tensor, settings: ProposalConfig) -> Proposals:
    """The best boxes of each cloud's points that do not overlap much, cloud by cloud, best first.

    ``sizes`` ``[K, 3]`` are the classes' mean sizes. A cloud without points has no proposals.
    """
    filled = output.counts.nonzero().squeeze(1).tolist()
    none = sizes.new_zeros(0, 7), output.counts[:0], output.counts[:0]
    found = [none, *(_propose_sample(output, sample, sizes, settings) for sample in filled)]
    return Proposals(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def _propose_sample(
    output: PointOutput, sample: int, sizes: Tensor, settings: ProposalConfig
) -> tuple[Tensor, Tensor, Tensor]:
    score, label = output.classes[sample].float().sigmoid().max(dim=0)
    best, index = score.topk(min(settings.max_candidates, len(score)))
    label, points = label[index], output.points[sample, index]
    boxes = decode_from_points(output.box[sample].float().T[index], points, sizes[label])
    usable = boxes.isfinite().all(dim=1)  # a half-precision overflow must not go on
    boxes, best, label = boxes[usable], best[usable], label[usable]
    kept = nms(boxes, best, settings.nms_iou_threshold, settings.max_proposals)
    return boxes[kept], label[kept], torch.full_like(kept, sample)


def pool_points(points: Tensor, proposals: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Indices ``[R, count]`` of the first points ``[N, 3]`` in each proposal ``[R, 7]``.

    Fewer points are taken again from the first on. Also returns which proposals hold any ``[R]``;
    the indices of the others mean nothing.
    """
    inside = points_in_boxes(points, proposals)
    total = inside.sum(dim=1)
    order = torch.arange(len(points), device=points.device)
    ranked = torch.where(inside, order, len(points))
    taken = min(count, len(points))
    first = ranked.topk(taken, dim=1, largest=False, sorted=True).values
    turn = torch.arange(count, device=points.device) % total.clamp(1, count)[:, None]
    index = first.gather(1, turn.clamp(max=taken - 1))
    return index.clamp(max=len(points) - 1), total > 0


def to_canonical(points: Tensor, proposals: Tensor) -> Tensor:
    """Points ``[R, P, 3]`` in the frames of their proposals ``[R, 7]``: origin, x ahead."""
    offset = points - proposals[:, None, :3]
    turned = rotate(offset[..., :2], -proposals[:, None, 6])
    return torch.cat((turned, offset[..., 2:]), dim=2)
