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
    labelled: bool = True  # False: nobody said what is in it


def split_labels(frame: Frame, min_points: int) -> Labels:
    """Boxes to learn, and boxes to ignore: of other classes or with too few points."""
    learnt = (frame.labels != IGNORED) & (frame.num_points >= min_points)
    boxes = torch.from_numpy(frame.boxes)
    classes = torch.from_numpy(frame.labels[learnt])
    return Labels(boxes[learnt], classes, boxes[~learnt], frame.labelled)
