"""Write the figures of a run for TensorBoard."""

from collections.abc import Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter


class Events:
    """Events of one run, written by a thread of their own until they are closed."""

    def __init__(self, folder: Path) -> None:
        self._writer = SummaryWriter(folder)

    def write(self, epoch: int, figures: Mapping[str, object]) -> None:
        """Add the numbers of an epoch; what is no float is left out."""
        for name, value in figures.items():
            if isinstance(value, float):
                self._writer.add_scalar(name, value, epoch)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left and end the thread."""
        self._writer.close()
