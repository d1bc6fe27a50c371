"""One labelled sweep, as training sees it whatever file it came from."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

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
