"""Batches as one block of bytes, on their way from a worker process or on disk.

PyTorch shares every tensor through a file and a socket of its own; with the thirty small tensors
of a batch that takes longer than to copy them.
"""

import io
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from training.batches.collate import Batch, Sample


class Packing:
    """Makes batches that are bytes on their way and batches again where they arrive."""

    def __init__(self, collate: Callable[[Sequence[Sample]], Batch]) -> None:
        self._collate = collate

    def __call__(self, samples: Sequence[Sample]) -> "Packed":
        """The batch of all samples, on its way."""
        return Packed(pack(self._collate(samples)))


class Packed:
    """A packed batch that is the batch itself once it has been pickled and unpickled."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __reduce__(self) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
        return unpack, (self._content,)


def pack(batch: Batch) -> bytes:
    """A batch on the CPU as bytes."""
    packed = io.BytesIO()
    _Pickler(packed, protocol=pickle.HIGHEST_PROTOCOL).dump(batch)
    return packed.getvalue()


def unpack(content: bytes) -> Batch:
    """The batch that these bytes were; what was one object in it is one again."""
    batch = pickle.loads(content)
    assert isinstance(batch, Batch)
    return batch


class _Pickler(pickle.Pickler):
    def reducer_override(self, obj: object) -> Any:
        """Tensors as the arrays that they are on the CPU."""
        if isinstance(obj, Tensor):
            return torch.from_numpy, (obj.numpy(),)
        return NotImplemented
