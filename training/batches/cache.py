"""Batches kept on disk for runs that draw the same ones, as a benchmark's methods do."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from torch.utils.data import Dataset

from pd_ros.detection.families import AnyModelConfig
from training.batches.collate import Batch, Sample, pack
from training.batches.sampler import Draw
from training.config.run import TrainConfig

_KINDS = 3  # those that runs side by side may want, as with a teacher and without
_LEAST_FREE = 0.1  # of the disk


class StoredBatches(Dataset[bytes]):
    """Packed batches by their draws: read where they are kept, else made and kept.

    ``folder`` holds those of one kind (``batch_kind``), beside those of others, of which the
    least recently used are dropped. Nothing more is kept while the disk is nearly full. The data
    must not change as long as the folder is there.
    """

    def __init__(
        self,
        frames: "Dataset[Sample]",
        collate: Callable[[Sequence[Sample]], Batch],
        folder: Path,
    ) -> None:
        self._frames = frames
        self._collate = collate
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        folder.touch()
        _drop_old(folder.parent)

    def __getitems__(self, draws: list[Draw]) -> bytes:
        """The batch of these draws."""
        path = self._folder / hashlib.sha256(repr(draws).encode()).hexdigest()
        with suppress(FileNotFoundError):
            return path.read_bytes()
        content = pack(self._collate([self._frames[draw] for draw in draws]))
        with suppress(OSError):  # a run needs no place on disk
            _keep(path, content)
        return content


def batch_kind(
    config: TrainConfig, student: AnyModelConfig, teacher: AnyModelConfig | None
) -> str:
    """A name for all batches that are the same if their draws are."""
    run = config.model_dump(mode="json", include={"data", "augment", "min_points", "seed"})
    networks = [network and network.model_dump(mode="json") for network in (student, teacher)]
    content = json.dumps([run, config.loss.box_radius, networks], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _drop_old(folder: Path) -> None:
    with suppress(FileNotFoundError):  # a run that begins at the same time drops them, too
        kinds = sorted(folder.iterdir(), key=lambda kind: kind.stat().st_mtime)
        for kind in kinds[:-_KINDS]:
            shutil.rmtree(kind, ignore_errors=True)


def _keep(path: Path, content: bytes) -> None:
    disk = shutil.disk_usage(path.parent)
    if disk.free - len(content) < _LEAST_FREE * disk.total:
        return
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(content)
    part.replace(path)
