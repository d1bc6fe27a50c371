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
    velocities: Tensor | None = None  # [M, 2] m/s, NaN where unknown; None: of no object known
    labelled: bool = True  # False: nobody said what is in it

    def all_velocities(self) -> Tensor:
        """Velocities ``[M, 2]`` whether any is known or not."""
        if self.velocities is None:
            return self.boxes.new_full((len(self.boxes), 2), torch.nan)
        return self.velocities


def split_labels(frame: Frame, min_points: int) -> Labels:
    """Boxes to learn, and boxes to ignore: of other classes or with too few points."""
    learnt = (frame.labels != IGNORED) & (frame.num_points >= min_points)
    boxes = torch.from_numpy(frame.boxes)
    classes = torch.from_numpy(frame.labels[learnt])
    velocities = torch.from_numpy(frame.all_velocities()[learnt])
    return Labels(boxes[learnt], classes, boxes[~learnt], velocities, frame.labelled)
