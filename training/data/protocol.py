"""What training asks of a data set, whatever its files are like."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training.frame import Frame


class Frames(Protocol):
    """Labelled sweeps of one source in a fixed order.

    Readers open files when a frame is asked for, and can be sent to other processes. What they
    raise for files that are missing or damaged is ``ValueError`` and names the file.
    """

    def __len__(self) -> int:
        """How many sweeps there are, at least one."""
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
