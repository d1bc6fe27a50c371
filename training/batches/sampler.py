"""Draw the frames for the batches of a run, rare classes or short drives more often if wanted."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from training.config.run import TrainConfig
from training.datasets.frame import Frames


def class_balanced_weights(frames: Frames, num_classes: int) -> NDArray[np.float64]:
    """Chance ``[N]`` of each frame to be drawn, 1 in all (CBGS, Zhu et al. 2019, section 3.2).

    Each class that occurs gets the same share, and shares it out equally among the frames it is
    in: a frame with several classes gets a part of each, one without any is never drawn. Raises
    ``ValueError`` if no frame has a box of any class.
    """
    present = np.zeros((len(frames), num_classes), dtype=np.float64)
    for i in range(len(frames)):
        labels = frames.labels(i)
        present[i, labels[labels >= 0]] = 1
    per_class = present.sum(axis=0)
    occurring = per_class > 0
    if not occurring.any():
        raise ValueError(
            f"{frames.name(0)} and the {len(frames) - 1} others: expected boxes to balance by"
            " class, found none; remove balance, or correct class_map"
        )
    chances = present[:, occurring] / per_class[occurring] / occurring.sum()
    weights: NDArray[np.float64] = chances.sum(axis=1)
    return weights


def drive_weights(drives: Sequence[str]) -> NDArray[np.float64]:
    """Chance ``[N]`` of each frame to be drawn, 1 in all, from the drive of each (N at least 1).

    A drive counts by the square root of its frames: of 144 like frames of one street each is worth
    less than the only one of another, which is not learnt by heart, either.
    """
    counts = Counter(drives)
    chances = np.array([counts[drive] ** -0.5 for drive in drives])
    weights: NDArray[np.float64] = chances / chances.sum()
    return weights


class Draw(NamedTuple):
    """One sample to be made: which frame, and the seed of everything random about it."""

    source: int
    number: int
    seed: int
    more: tuple[int, ...] = ()  # frames of the same source that are joined to it


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
            Draw(int(s), self._number(int(s), place), int(seed), self._more(int(s), int(seed)))
            for s, place, seed in zip(sources, places, seeds, strict=True)
        ]
        size = self._config.schedule.batch_size
        batches = [draws[i : i + size] for i in range(0, count, size)]
        yield from batches[self._rank :: self._processes][self.skip :]

    def _more(self, source: int, seed: int) -> tuple[int, ...]:
        """Further frames of a sample whose source joins several views."""
        places = np.random.default_rng((seed, 1)).random(self._config.data[source].views - 1)
        return tuple(self._number(source, place) for place in places)

    def _number(self, source: int, place: float) -> int:
        """The frame at a place in [0, 1) of a source, the more of it the more it weighs."""
        if source not in self._ends:
            return int(place * self._sizes[source])
        ends = self._ends[source]
        return int(np.searchsorted(ends, place * ends[-1], side="right"))
