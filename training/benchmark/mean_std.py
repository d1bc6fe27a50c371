"""Means over classes and seeds, and how far they can be trusted."""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scipy.stats import t as student_t

_CONFIDENCE = 0.95


class Spread(NamedTuple):
    """Values of several seeds; what one value cannot tell is None."""

    mean: float
    deviation: float | None  # of the sample
    half_width: float | None  # of the 95 % t-interval of the mean
    values: tuple[float, ...]


def spread_of(values: Sequence[float]) -> Spread | None:
    """Mean, standard deviation and t-interval; None of no values."""
    if not values:
        return None
    mean = statistics.fmean(values)
    if len(values) == 1:
        return Spread(mean, None, None, tuple(values))
    deviation = statistics.stdev(values)
    quantile = float(student_t.ppf((1 + _CONFIDENCE) / 2, len(values) - 1))
    half_width = quantile * deviation / math.sqrt(len(values))
    return Spread(mean, deviation, half_width, tuple(values))


def paired_gain(values: Mapping[int, float], plain: Mapping[int, float]) -> Spread | None:
    """Spread of the differences of the seeds (keys) that both have; None if they share none."""
    return spread_of([values[seed] - plain[seed] for seed in values if seed in plain])


def mean_ap(by_class: Mapping[str, float]) -> float:
    """Mean over classes, at least one, in the unit of the values."""
    return statistics.fmean(by_class.values())
