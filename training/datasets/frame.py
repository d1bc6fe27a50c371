"""One labelled sweep, as training sees it whatever file it came from."""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pd_ros.evaluation.kitti.view import CameraView

Float32 = NDArray[np.float32]
IGNORED = -1  # a real object of no class of ours: neither object nor background


class Frame(NamedTuple):
    """A sweep with its boxes; frame and box contract of ``pd_ros.detection.types``.

    Labels index the class names; ``IGNORED`` marks what must be neither learnt nor counted.
    """

    points: Float32  # [N, 3 + C] x, y, z in m, then the model's features; intensity in [0, 1]
    boxes: Float32  # [M, 7]
    labels: NDArray[np.int64]  # [M]
    num_points: NDArray[np.int64]  # [M] points inside each box
    # [M, 2] along x and y over the ground, m/s; NaN: unknown. None: of no object known.
    velocities: Float32 | None = None
    labelled: bool = True  # False: nobody said what is in it; all of it is ignored
    # Where labels were drawn in a camera's image; of sweeps as read, not of augmented ones.
    view: CameraView | None = None
    regions: int = 0  # how many of the last boxes stand around the view's unlabelled regions
    # [K, 3 + C] the same scene as another sensor sees it, for a teacher alone. None: it sees
    # ``points``, as the student does.
    teacher_points: Float32 | None = None

    def all_velocities(self) -> Float32:
        """Velocities ``[M, 2]`` whether any is known or not."""
        if self.velocities is None:
            return np.full((len(self.boxes), 2), np.nan, dtype=np.float32)
        return self.velocities


# Beyond any sensor's reach.
_ALL_AROUND = (0.0, 0.0, 0.0, 2000.0, 2000.0, 200.0, 0.0)


def without_labels(points: Float32) -> Frame:
    """A sweep of which nobody said what is in it: one ignored box covers all of it."""
    everywhere = np.array([_ALL_AROUND], dtype=np.float32)
    labels = np.array([IGNORED], dtype=np.int64)
    return Frame(points, everywhere, labels, np.array([len(points)]), labelled=False)


class Frames(Protocol):
    """Labelled sweeps of one source in a fixed order.

    Readers open files when a frame is asked for, and can be sent to other processes. What they
    raise for files that are missing or damaged is ``ValueError`` and names the file.
    """

    def __len__(self) -> int:
        """Count the sweeps, at least one."""
        ...

    def __getitem__(self, index: int) -> Frame:
        """Return a sweep with its boxes; the same one every time."""
        ...

    def name(self, index: int) -> str:
        """Return what messages and pictures call a sweep: its file, stamp or token."""
        ...

    def labels(self, index: int) -> NDArray[np.int64]:
        """Return the labels ``[M]`` of a sweep's boxes without its points, as counting asks."""
        ...


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
