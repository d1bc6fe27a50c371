"""The factor by which a method's weights are multiplied: the best one of short runs."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from training.benchmark.grid import Grid, Row
from training.benchmark.jobs.job import Job, JobResult, read_result
from training.benchmark.mean_std import mean_ap
from training.benchmark.suite import Overlap

_FEWEST = 2  # factors between which there is a step
_DIGITS = 6


class Tried(NamedTuple):
    """A factor, and the validation mAP of its run in percent; None as long as there is none."""

    factor: float
    mean_ap: float | None


def read_tried(grid: Grid, row: Row) -> list[Tried]:
    """Read what is known of each factor; empty where there is nothing to choose.

    Raises ``ValueError`` if a run is of another config.
    """
    search = grid.suite.search
    if search is None:
        return []
    tried = _read(grid, row, search.factors, search.overlap)
    for _ in range(search.extend):
        factor = next_factor(tried)
        if factor is None:
            break
        tried = sorted([*tried, *_read(grid, row, [factor], search.overlap)])
    return tried


def search_jobs(grid: Grid, row: Row) -> list[Job]:
    """The short runs of all factors that are to be tried, as far as is known yet."""
    return [*grid.searches(row, [each.factor for each in read_tried(grid, row)]).values()]


def next_factor(tried: Sequence[Tried]) -> float | None:
    """The factor beyond the best one, as far from it as its neighbour.

    None where the best one has neighbours on either side, or a run's result is not there.
    """
    if len(tried) < _FEWEST or any(each.mean_ap is None for each in tried):
        return None
    best, factors = choose_factor(tried), sorted(each.factor for each in tried)
    ends = {factors[0]: factors[1], factors[-1]: factors[-2]}
    if best not in ends:
        return None
    return float(f"{best * best / ends[best]:.{_DIGITS}g}")


def choose_factor(tried: Sequence[Tried]) -> float | None:
    """The factor of the best mAP, of equal ones that nearest to 1.

    1 where nothing was to be tried, None where nothing has been.
    """
    if not tried:
        return 1.0
    known = [(each.mean_ap, -abs(math.log(each.factor)), each.factor)
             for each in tried if each.mean_ap is not None]  # fmt: skip
    return max(known)[2] if known else None


def _read(grid: Grid, row: Row, factors: Sequence[float], overlap: Overlap) -> list[Tried]:
    results = {factor: read_result(job) for factor, job in grid.searches(row, factors).items()}
    return [
        Tried(factor, _mean_ap(result, overlap) if result else None)
        for factor, result in results.items()
    ]


def _mean_ap(result: JobResult, overlap: Overlap) -> float:
    """Mean over sources, too."""
    measure = f"bev_{overlap}"
    return fmean(mean_ap(scores[measure]) for scores in result.scores.values())


def write_search(path: Path, searches: Mapping[str, Sequence[Tried]]) -> None:
    """Write all that was tried, by ``PAIR/METHOD``, as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("pair", "method", "factor", "validation_map", "chosen"))
        for name, tried in searches.items():
            chosen = choose_factor(tried)
            for each in tried:
                score = "" if each.mean_ap is None else f"{each.mean_ap:.2f}"
                row = (*name.split("/"), f"{each.factor:g}", score, int(each.factor == chosen))
                writer.writerow(row)
