"""Handle what ends a run early: signals, lack of memory, losses that are not finite."""

import math
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch
from torch import Tensor

from pd_ros.process.stop_signals import Terminated
from training.batches.collate import Batch
from training.loop.state import write_whole


class StopRequest:
    """Whether somebody asked the run to stop (Ctrl-C, SIGTERM); a second time stops at once."""

    def __init__(self) -> None:
        self.asked = False
        self.interrupt = KeyboardInterrupt()  # how the run ends when it was asked

    @contextmanager
    def listening(self) -> Iterator["StopRequest"]:
        """Take the signals over for a while; only in the main thread."""
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in before:
            signal.signal(number, self._note)
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise self.interrupt
        self.asked = True
        if number == signal.SIGTERM:
            self.interrupt = Terminated()


class OutOfMemoryError(ValueError):
    """A step did not fit into memory; it was not taken."""


@contextmanager
def clear_out_of_memory(batch_size: int) -> Iterator[None]:
    """Turn torch's error of memory that ran out into one that says what to do."""
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one; a CPU's has no type of its own
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        first = str(error).partition("\n")[0]
        raise OutOfMemoryError(
            f"out of memory in a step of {batch_size} frames ({first}); lower schedule.batch_size,"
            " or train on a smaller area_m; the run was saved and can go on"
        ) from None


def has_single_value(error: ValueError) -> bool:
    """Whether torch says that a batch norm got one value per channel: it needs two in training."""
    return "more than 1 value per channel" in str(error)


def read_finite(terms: Mapping[str, Tensor], batch: Batch, out: Path) -> dict[str, Tensor]:
    """Terms of a loss on the CPU, without their graph; to be called before the weights change.

    All in one copy: a GPU is waited for once. Raises ``ValueError`` if ``total`` is no number, and
    leaves the batch for inspection.
    """
    values = torch.stack(list(terms.values())).detach().cpu()
    read = dict(zip(terms, values, strict=True))
    if math.isfinite(read["total"]):
        return read
    path = out / "bad_batch.pt"
    write_whole(path, tuple(batch))
    text = ", ".join(f"{name} {float(value):.3g}" for name, value in read.items())
    raise ValueError(
        f"the loss is not finite ({text}); the batch is in {path}, the last good state beside"
        f" it, made of {', '.join(batch.names)}; look for wrong boxes in the data, or lower"
        " schedule.learning_rate"
    )
