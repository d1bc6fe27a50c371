"""Targets of PointRCNN: points on objects, and proposals that the second stage learns from.

The second stage follows PointRCNN sections 3.3 and 4.1.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.boxes import iou_3d, points_in_boxes
from pd_ros.detection.point_rcnn.proposals import propose
from pd_ros.detection.types import PointOutput, Proposals
from training.config.run import RegionConfig
from training.datasets.frame import Labels

BACKGROUND, NOT_COUNTED = -1, -2
# So near to an object a point of the background does not count (PointRCNN section 3.1).
_BORDER_M = 0.2
# Volume overlaps: from here on a proposal learns its box ...
LEARNT_IOU = 0.55
# ... its score is to be 1, or 0; those between do not count ...
POSITIVE_IOU, NEGATIVE_IOU = 0.6, 0.45
# ... and background is hard that overlaps so much (OpenPCDet; the authors' code has 0.05).
_HARD_IOU = 0.1
_HARD_SHARE = 0.8


class PointTargets(NamedTuple):
    """Objects of a batch; ``G`` of them over all samples, and ``I`` boxes to ignore."""

    sample: Tensor  # [G] int64
    boxes: Tensor  # [G, 7]
    classes: Tensor  # [G] int64
    ignored_sample: Tensor  # [I] int64
    ignored: Tensor  # [I, 7]
    sizes: Tensor  # [K, 3] the classes' mean length, width, height


class PointLabels(NamedTuple):
    """What every point of a batch is."""

    label: Tensor  # [B, N] int64: class, BACKGROUND or NOT_COUNTED
    owner: Tensor  # [B, N] int64: the object that it lies on, of those that are of a class


def make_point_targets(
    labels: Sequence[Labels], sizes_m: Sequence[tuple[float, float, float]]
) -> PointTargets:
    """The objects of a batch of frames."""
    return PointTargets(
        _numbers([frame.boxes for frame in labels]),
        torch.cat([frame.boxes for frame in labels]),
        torch.cat([frame.classes for frame in labels]),
        _numbers([frame.ignored for frame in labels]),
        torch.cat([frame.ignored for frame in labels]),
        torch.tensor(sizes_m),
    )


def label_points(points: Tensor, targets: PointTargets) -> PointLabels:
    """Sort points ``[B, N, 3]`` into objects, background, and what does not count.

    A point in several boxes belongs to the first. Ignored boxes and a border about every object do
    not count.
    """
    label = torch.full(points.shape[:2], BACKGROUND, device=points.device)
    owner = torch.zeros_like(label)
    for number, cloud in enumerate(points):
        own = (targets.sample == number).nonzero().squeeze(1)
        ignored = targets.ignored[targets.ignored_sample == number]
        border = points_in_boxes(cloud, targets.boxes[own], _BORDER_M)
        hidden = torch.cat((border, points_in_boxes(cloud, ignored)))
        label[number, hidden.any(dim=0)] = NOT_COUNTED
        box, point = points_in_boxes(cloud, targets.boxes[own]).nonzero(as_tuple=True)
        owner[number].scatter_reduce_(0, point, own[box], "amin", include_self=False)
        label[number, point] = targets.classes[owner[number, point]]
    return PointLabels(label, owner)


def _numbers(parts: Sequence[Tensor]) -> Tensor:
    """For each row of all parts the part it comes from."""
    sizes = torch.tensor([len(part) for part in parts])
    return torch.arange(len(parts)).repeat_interleave(sizes)


class Matches(NamedTuple):
    """The object of its own class that each proposal overlaps most."""

    iou: Tensor  # [R] of the volumes, 0 where there is none
    owner: Tensor  # [R] int64, number of the object; means nothing where the overlap is 0
    hidden: Tensor  # [R] bool, it touches an ignored box


def match_proposals(proposals: Proposals, targets: PointTargets) -> Matches:
    """Compare all proposals of a batch with the objects of their own samples and classes."""
    same = proposals.sample[:, None] == targets.sample
    same &= proposals.labels[:, None] == targets.classes
    iou = iou_3d(proposals.boxes, targets.boxes) * same
    none = iou.new_zeros(len(iou), 1)  # also where there is no object at all
    best, owner = torch.cat((iou, none), dim=1).max(dim=1)
    touched = iou_3d(proposals.boxes, targets.ignored) > 0
    touched &= proposals.sample[:, None] == targets.ignored_sample
    return Matches(best, owner, touched.any(dim=1))


class RoiSampler:
    """Chooses the proposals of a batch that the second stage learns from."""

    def __init__(self, config: RegionConfig, targets: PointTargets, seeds: Sequence[int]) -> None:
        self._config = config
        self._targets = targets
        self._seeds = seeds

    @torch.no_grad()
    def __call__(self, output: PointOutput) -> Proposals:
        """Equally many of every sample that has proposals; the same for the same seeds."""
        settings = self._config
        proposals = propose(output, self._targets.sizes, settings.proposals)
        iou = match_proposals(proposals, self._targets).iou.cpu()
        sample, chosen = proposals.sample.cpu(), [torch.zeros(0, dtype=torch.int64)]
        for number, seed in enumerate(self._seeds):
            mine = (sample == number).nonzero().squeeze(1)
            generator = torch.Generator().manual_seed(seed)
            chosen.append(mine[draw_regions(iou[mine], settings.per_frame, generator)])
        index = torch.cat(chosen).to(proposals.sample.device)
        return Proposals(*(field[index] for field in proposals))


def draw_regions(iou: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Indices ``[count]`` of proposals by their overlaps ``[R]``; none where there are none.

    Half of them foreground, as far as there is some; of the background four of five overlap an
    object at least a little, as far as there are such. Fewer than wanted are repeated.
    """
    foreground = (iou >= LEARNT_IOU).nonzero().squeeze(1)
    hard = ((iou >= _HARD_IOU) & (iou < LEARNT_IOU)).nonzero().squeeze(1)
    easy = (iou < _HARD_IOU).nonzero().squeeze(1)
    behind = len(hard) + len(easy)
    ahead = min(count // 2, len(foreground)) if behind else count
    near = round((count - ahead) * _HARD_SHARE) if len(easy) else count - ahead
    near = near if len(hard) else 0
    parts = ((foreground, ahead), (hard, near), (easy, count - ahead - near))
    return torch.cat([_draw(part, number, generator) for part, number in parts])


def _draw(candidates: Tensor, count: int, generator: torch.Generator) -> Tensor:
    order = torch.randperm(len(candidates), generator=generator)
    return candidates[order.repeat(-(-count // max(1, len(candidates))))[:count]]
