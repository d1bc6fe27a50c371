"""From data sets to batches, made in workers: which frames are drawn, and how they are changed."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from training.augment import augment
from training.collate import Collate, Sample
from training.config import AugmentConfig, TrainConfig
from training.data.balance import class_balanced_weights
from training.data.source import open_source
from training.frame import Frame
from training.labels import split_labels
from training.object_noise import move_objects
from training.packing import Packing
from training.paste import ObjectBank, paste_objects


class Draw(NamedTuple):
    """One sample to be made: which frame, and the seed of everything random about it."""

    source: int
    number: int
    seed: int


class DrawSampler(Sampler[list[Draw]]):
    """Draws batches from the sources by their shares, the same for the same seed and epoch.

    Each process of a distributed run takes its own batches. ``skip`` batches are left out, so that
    a resumed epoch goes on where it stopped. ``weights``: chances of the frames, by the number of
    the source; elsewhere all frames are alike.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        config: TrainConfig,
        rank: int = 0,
        processes: int = 1,
        weights: Mapping[int, NDArray[np.float64]] | None = None,
    ) -> None:
        self._sizes = sizes
        self._ends = {source: chances.cumsum() for source, chances in (weights or {}).items()}
        self._config = config
        self._rank = rank
        self._processes = processes
        self.epoch = 0
        self.skip = 0

    def __len__(self) -> int:
        schedule = self._config.schedule
        return schedule.frames_per_epoch // (schedule.batch_size * self._processes)

    def __iter__(self) -> Iterator[list[Draw]]:
        rng = np.random.default_rng((self._config.seed, self.epoch))
        shares = np.array([source.share for source in self._config.data])
        count = len(self) * self._processes * self._config.schedule.batch_size
        sources = rng.choice(len(shares), size=count, p=shares / shares.sum())
        seeds = rng.integers(2**62, size=count)
        places = rng.random(count)
        draws = [
            Draw(int(s), self._number(int(s), place), int(seed))
            for s, place, seed in zip(sources, places, seeds, strict=True)
        ]
        size = self._config.schedule.batch_size
        batches = [draws[i : i + size] for i in range(0, count, size)]
        yield from batches[self._rank :: self._processes][self.skip :]

    def _number(self, source: int, place: float) -> int:
        """The frame at a place in [0, 1) of a source, the more of it the more it weighs."""
        if source not in self._ends:
            return int(place * self._sizes[source])
        ends = self._ends[source]
        return int(np.searchsorted(ends, place * ends[-1], side="right"))


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
        """Chances of the frames of those sources that are to be balanced, by their number."""
        return {
            number: class_balanced_weights(frames, len(self._classes))
            for number, frames in enumerate(self._sources)
            if self._config.data[number].balance
        }

    def __getitem__(self, draw: Draw) -> Sample:
        """The frame of a draw, augmented with the draw's own seed."""
        rng = np.random.default_rng(draw.seed)
        frame = self._sources[draw.source][draw.number]
        if self._bank is not None:
            frame = paste_objects(frame, self._bank, self._classes, self._config.augment, rng)
        if self._config.augment.object_noise is not None:
            frame = move_objects(frame, self._config.augment.object_noise, rng)
        frame = augment(frame, self._config.augment, rng)
        labels = split_labels(frame, self._config.min_points)
        return Sample(torch.from_numpy(frame.points), labels, draw.seed)

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
    frames: TrainingFrames, sampler: DrawSampler, collate: Collate, workers: int
) -> "DataLoader[Sample]":
    """Batches made by worker processes (0: in this one)."""
    return DataLoader(
        frames,
        batch_sampler=sampler,
        collate_fn=Packing(collate) if workers else collate,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        persistent_workers=workers > 0,
        # Forked workers inherit torch's thread pool in a state that can hang.
        multiprocessing_context="forkserver" if workers else None,
    )
