"""From data sets to batches, made in workers: frames and how they are changed."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from training.batches.augment import augment
from training.batches.cache import StoredBatches
from training.batches.collate import Collate, Packed, Packing, Sample, unpack
from training.batches.mosaic import join_views
from training.batches.object_noise import move_objects
from training.batches.paste import ObjectBank, paste_objects
from training.batches.sampler import Draw, DrawSampler, class_balanced_weights, drive_weights
from training.config.run import AugmentConfig, TrainConfig
from training.datasets.file_lists import drives_of
from training.datasets.frame import Frame, split_labels
from training.datasets.source import open_source

PREFETCHED = 4  # batches that each worker makes ahead


class TrainingFrames(Dataset[Sample]):
    """Augmented frames of all sources, made anew for each draw."""

    def __init__(
        self,
        config: TrainConfig,
        classes: tuple[str, ...],
        features: tuple[str, ...] = ("intensity",),
    ) -> None:
        _check_intensity(config.augment, features)
        self._config = config
        self._classes = classes
        self._sources = [open_source(source, classes, features) for source in config.data]
        self._bank = None
        if config.augment.paste:
            self._bank = ObjectBank(self._bank_frames(), config.augment.paste_min_points)

    @property
    def sizes(self) -> list[int]:
        """Frames of each source."""
        return [len(frames) for frames in self._sources]

    @property
    def weights(self) -> dict[int, NDArray[np.float64]]:
        """Chances of the frames of those sources in which they differ, by the source's number."""
        chances = {}
        for number, (frames, source) in enumerate(
            zip(self._sources, self._config.data, strict=True)
        ):
            if source.balance:
                chances[number] = class_balanced_weights(frames, len(self._classes))
            elif source.drives is not None:
                names = [frames.name(index) for index in range(len(frames))]
                chances[number] = drive_weights(drives_of(source.folder, source.drives, names))
        return chances

    def __getitem__(self, draw: Draw) -> Sample:
        """The frame of a draw, augmented with the draw's own seed."""
        rng = np.random.default_rng(draw.seed)
        frame = self._drawn(draw)
        if self._bank is not None:
            frame = paste_objects(frame, self._bank, self._classes, self._config.augment, rng)
        if self._config.augment.object_noise is not None:
            frame = move_objects(frame, self._config.augment.object_noise, rng)
        frame = augment(frame, self._config.augment, rng)
        labels = split_labels(frame, self._config.min_points)
        name = self._sources[draw.source].name(draw.number)
        theirs = frame.teacher_points
        return Sample(
            torch.from_numpy(frame.points),
            labels,
            draw.seed,
            name,
            None if theirs is None else torch.from_numpy(theirs),
        )

    def _drawn(self, draw: Draw) -> Frame:
        """The frame of a draw, of several views where its source joins them."""
        frames = self._sources[draw.source]
        if not draw.more:
            return frames[draw.number]
        return join_views([frames[number] for number in (draw.number, *draw.more)])

    def plain(self, source: int, number: int) -> Frame:
        """A frame as it is in its source."""
        return self._sources[source][number]

    def _bank_frames(self) -> Iterator[Frame]:
        """Frames of all sources, one at a time: thousands would not fit into memory."""
        rng = np.random.default_rng(self._config.seed)
        wanted = -(-self._config.augment.bank_frames // len(self._sources))
        for frames in self._sources:
            count = min(len(frames), wanted)
            for number in rng.choice(len(frames), size=count, replace=False):
                yield frames[int(number)]


def _check_intensity(config: AugmentConfig, features: tuple[str, ...]) -> None:
    """Only a first feature that is an intensity may be changed as one."""
    changed = config.intensity_scale > 0 or config.intensity_drop > 0
    if changed and features and features[0] != "intensity":
        raise ValueError(
            "augment: intensity_scale and intensity_drop change the first feature, expected"
            f" intensity, got {features[0]}; set both to 0"
        )


def make_loader(
    frames: TrainingFrames,
    sampler: DrawSampler,
    collate: Collate,
    workers: int,
    kept: Path | None = None,
) -> "DataLoader[Any]":
    """Batches made by worker processes (0: in this one), or read from the folder ``kept``."""
    data: Dataset[Any] = frames
    finish: Any = Packing(collate) if workers else collate
    if kept is not None:
        data = StoredBatches(frames, collate, kept)
        finish = Packed if workers else unpack
    return DataLoader(
        data,
        batch_sampler=sampler,
        collate_fn=finish,
        num_workers=workers,
        worker_init_fn=_settle,
        prefetch_factor=PREFETCHED if workers else None,
        persistent_workers=workers > 0,
        # Forked workers inherit torch's thread pool in a state that can hang.
        multiprocessing_context="forkserver" if workers else None,
    )


def _settle(_worker: int) -> None:
    """Objects to paste stay: looking through them for garbage takes a tenth of a worker's time."""
    gc.freeze()
