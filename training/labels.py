"""What of a frame is learnt, and what must not count."""

from typing import NamedTuple

import torch
from torch import Tensor

from training.frame import IGNORED, Frame


class Labels(NamedTuple):
    """Boxes of one frame as the loss sees them."""

    boxes: Tensor  # [M, 7]
    classes: Tensor  # [M] int64
    ignored: Tensor  # [I, 7] boxes whose cells count neither as object nor as background


def split_labels(frame: Frame, min_points: int) -> Labels:
    """Boxes to learn, and boxes to ignore: of other classes or with too few points."""
    learnt = (frame.labels != IGNORED) & (frame.num_points >= min_points)
    boxes = torch.from_numpy(frame.boxes)
    return Labels(boxes[learnt], torch.from_numpy(frame.labels[learnt]), boxes[~learnt])
