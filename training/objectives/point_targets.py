"""Targets of a network on points: the objects of a batch, and the points that lie on them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.boxes import points_in_boxes
from training.datasets.frame import Labels

BACKGROUND, NOT_COUNTED = -1, -2
# So near to an object a point of the background does not count (PointRCNN section 3.1).
_BORDER_M = 0.2


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
