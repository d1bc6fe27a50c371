"""From the boxes of single points to those that are looked at again (PointRCNN section 3.2)."""

import torch
from torch import Tensor

from pd_ros.detection.boxes import nms
from pd_ros.detection.point_boxes import decode_from_points
from pd_ros.detection.point_config import ProposalConfig
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
