"""What rows gain over others in AP of the first class, as a table of comparisons."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np

from training.benchmark.jobs.frame_counts import MEASURES, has_counts, read_counts
from training.benchmark.results.bootstrap import (
    Difference,
    Floats,
    compare,
    draw_frames,
    holm,
    resampled_ap,
)
from training.benchmark.results.summary import MethodStanding, PairStanding
from training.benchmark.suite import PLAIN, SuiteConfig

# The headline: AP at KITTI's own overlaps. The loose ones are in the other tables.
HEADLINE = tuple(measure.name for measure in MEASURES if measure.overlap == "strict")
_FEWEST = 2  # seeds, for an interval


@dataclass(frozen=True)
class Gain:
    """A row beside another one of the same budget, on one source by one measure."""

    pair: str
    row: str
    than: str
    source: str
    measure: str
    seeds: int  # that both have
    mean: float  # of the row, over these
    difference: float
    interval: Difference | None  # None of one seed
    p_holm: float | None = None  # among the comparisons of this pair, source and measure


def read_gains(suite: SuiteConfig, pairs: Sequence[PairStanding]) -> list[Gain]:
    """Every row of every pair beside the plain student, and the suite's contrasts.

    What shares no seed is left out.
    """
    gains: list[Gain] = []
    for pair in pairs:
        for source in suite.test:
            for measure in HEADLINE:
                gains += _corrected(list(_Family(pair, source, measure).gains(suite)))
    return gains


def _corrected(gains: list[Gain]) -> list[Gain]:
    told = [gain for gain in gains if gain.interval is not None]
    p_values = iter(holm([gain.interval.p_value for gain in told if gain.interval is not None]))
    return [gain if gain.interval is None else replace(gain, p_holm=next(p_values))
            for gain in gains]  # fmt: skip


class _Family:
    """The comparisons that are made together: of one pair, on one source, by one measure."""

    def __init__(self, pair: PairStanding, source: str, measure: str) -> None:
        self._pair, self._source, self._measure = pair, source, measure
        self._drawn: dict[Path, Floats] = {}  # [1, draws] by a run's folder

    def gains(self, suite: SuiteConfig) -> Iterator[Gain]:
        """Each row beside the plain student and what the suite names, where both are known."""
        for row in self._pair.methods:
            than = [PLAIN] if row.method != PLAIN else []
            than += [each.than for each in suite.contrasts if each.row == row.method]
            for name in dict.fromkeys(than):
                other = self._pair.find(name, row.times)
                if other is not None and (gain := self._gain(row, other)) is not None:
                    yield gain

    def _gain(self, row: MethodStanding, than: MethodStanding) -> Gain | None:
        mine, theirs = (each.first_ap(self._source, self._measure) for each in (row, than))
        seeds = [seed for seed in mine if seed in theirs]
        if not seeds:
            return None
        difference = fmean(mine[seed] - theirs[seed] for seed in seeds)
        interval = None
        if len(seeds) >= _FEWEST and all(self._is_counted(each, seeds) for each in (row, than)):
            interval = compare(self._draws(row, seeds), self._draws(than, seeds), difference)
        return Gain(
            self._pair.config.name, row.name, than.name, self._source, self._measure, len(seeds),
            fmean(mine[seed] for seed in seeds), difference, interval,
        )  # fmt: skip

    def _is_counted(self, row: MethodStanding, seeds: Sequence[int]) -> bool:
        return all(has_counts(row.folders[seed]) for seed in seeds)

    def _draws(self, row: MethodStanding, seeds: Sequence[int]) -> Floats:
        return np.concatenate([self._draw(row.folders[seed]) for seed in seeds])

    def _draw(self, folder: Path) -> Floats:
        if folder not in self._drawn:
            counts = read_counts(folder, self._source, self._measure)
            self._drawn[folder] = resampled_ap([counts], draw_frames(len(counts)))
        return self._drawn[folder]
