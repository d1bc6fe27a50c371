"""Where the boxes of one cloud agree with others: with a teacher's, or with labels.

Pairs have the same class and a bird's-eye IoU above KITTI's loose thresholds, the greatest IoU
first. An object that is not asked for takes the boxes that overlap it, which then count neither
as matched nor as extra, as in ``lidar.py``.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.boxes import bev_iou, wrap_angle
from pd_ros.detection.types import Detections
from pd_ros.evaluation import distance_bins as distance
from pd_ros.evaluation.agreement_sums import Agreement
from pd_ros.evaluation.lidar import GroundTruth, centre_in_range, loose_iou


class Pairing(NamedTuple):
    """Which boxes belong together: indices into the boxes found and into the others."""

    found: Tensor  # [P] int64
    other: Tensor  # [P] int64, of the same objects
    iou: Tensor  # [P] from above
    extra: Tensor  # [E] int64, found where the others have nothing
    missed: Tensor  # [m] int64, asked for and not found


def teacher_truth(
    teacher: Detections, ranges_m: Sequence[Sequence[float]], score_threshold: float | Tensor
) -> GroundTruth:
    """A teacher's boxes as what should be found; none give none.

    Not asked for are boxes of a lower score (than that of all, or of each ``[M]``), and those out
    of a range that one of the detectors looks at (x, y, z minimum, then maximum): a box found
    there is neither right nor wrong.
    """
    asked = teacher.scores >= score_threshold
    for range_m in ranges_m:
        asked &= centre_in_range(teacher.boxes, range_m)
    return GroundTruth(teacher.boxes, teacher.labels, ~asked)


def pair_boxes(found: Detections, other: GroundTruth, classes: Sequence[str]) -> Pairing:
    """Pair the boxes found in a cloud with the others; labels index ``classes``, -1 any other."""
    iou = bev_iou(found.boxes, other.boxes)
    least = loose_iou(classes)
    wanted = iou.new_tensor([least[name] for name in classes])[found.labels]
    near = iou > wanted[:, None]
    same = found.labels[:, None] == other.labels[None, :]
    asked = ~other.ignore & (other.labels >= 0)
    rows, columns = _greedy(torch.where(near & same & asked, iou, 0))
    excused = (near & (same | (other.labels < 0)) & ~asked).any(dim=1)
    alone = _without(len(found.labels), rows)
    missed = _without(len(other.labels), columns)
    return Pairing(
        rows, columns, iou[rows, columns], alone[~excused[alone]], missed[asked[missed]]
    )


def count_agreement(
    found: Detections,
    other: GroundTruth,
    scores: Tensor,
    pairs: Pairing,
    classes: Sequence[str],
) -> dict[str, tuple[Agreement, ...]]:
    """Return for each class an :class:`Agreement` for each range of ``distance.py``.

    ``scores`` ``[M]`` are the others' (1 for labels). A pair lies where the other box does.
    """
    where, theirs = distance.range_numbers(found.boxes), distance.range_numbers(other.boxes)
    table = {}
    for label, name in enumerate(classes):
        row = []
        for number in range(len(distance.NAMES)):
            here = (other.labels[pairs.other] == label) & (theirs[pairs.other] == number)
            missed = (other.labels[pairs.missed] == label) & (theirs[pairs.missed] == number)
            extra = (found.labels[pairs.extra] == label) & (where[pairs.extra] == number)
            differences = _differences(found, other, scores, pairs)[here].sum(dim=0).tolist()
            row.append(Agreement(*(int(n.sum()) for n in (here, missed, extra)), *differences))
        table[name] = tuple(row)
    return table


def disagreement(found: Detections, scores: Tensor, pairs: Pairing) -> float:
    """How much the boxes of one cloud differ, 0 if not at all; one box counts at most 1.

    Boxes that only one side has count by their score, pairs by what is missing to an IoU of 1.
    """
    alone = scores[pairs.missed].sum() + found.scores[pairs.extra].sum()
    return float(alone + (1 - pairs.iou).sum())


def _differences(found: Detections, other: GroundTruth, scores: Tensor, pairs: Pairing) -> Tensor:
    """The sums of :class:`Agreement` for each pair: ``[P, 6]``."""
    ours, theirs = found.boxes[pairs.found].double(), other.boxes[pairs.other].double()
    turn_rad = wrap_angle(ours[:, 6] - theirs[:, 6]).abs()
    columns = (
        pairs.iou.double(),
        (ours[:, :3] - theirs[:, :3]).norm(dim=1),
        (ours[:, 3:6] - theirs[:, 3:6]).abs().mean(dim=1),
        torch.minimum(turn_rad, math.pi - turn_rad),
        (turn_rad > math.pi / 2).double(),
        (found.scores[pairs.found] - scores[pairs.other]).double(),
    )
    return torch.stack(columns, dim=1)


def _greedy(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of the pairs of the greatest weight, greatest first; 0 is no pair."""
    rows, columns = list[int](), list[int]()
    order = torch.argsort(weights.flatten(), descending=True, stable=True)
    for place in order[weights.flatten()[order] > 0].tolist():
        row, column = divmod(place, weights.shape[1])
        if row not in rows and column not in columns:
            rows.append(row)
            columns.append(column)
    return torch.tensor(rows, dtype=torch.int64), torch.tensor(columns, dtype=torch.int64)


def _without(count: int, taken: Tensor) -> Tensor:
    free = torch.ones(count, dtype=torch.bool)
    free[taken] = False
    return free.nonzero()[:, 0]
