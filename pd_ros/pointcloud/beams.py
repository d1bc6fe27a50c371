"""Count the rings of a spinning LiDAR from its points alone: no ring field, no order of points.

In a narrow slice of azimuth each laser leaves a few points of one elevation, so the clusters of
elevations in it are the rings that had an echo there. That holds also for lasers that do not start
in one point. In a cloud that was moved to a vehicle's frame the sensor is somewhere above the
origin: the height from which elevations gather most is taken. Where all lasers start
in one point, the elevations of the whole cloud are clusters, too, and rings show that have an echo
in some directions only.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd_ros.pointcloud.decode import Float32
from pd_ros.pointcloud.ground import ground_height

Pattern = Literal["spinning", "non-repetitive"]
_Float = NDArray[np.float64]
_NEAREST_M = 2.0  # nearer ones are the own vehicle's, and lasers are not where the origin is
_LEAST_POINTS = 1000
_WIDE_DEG = 0.8  # several firings of any sensor
_NARROW_DEG = 0.4
_GAP_DEG, _FINE_GAP_DEG = 0.08, 0.04  # between two rings; the nearest known are 0.1 apart
_FULL = 0.95  # quantile over the slices: some are full, and in some a ring shows twice
_BIN_DEG = 0.02  # of the whole cloud's elevations
_SHARP = 0.2  # share of bins with points, at most, where the rings of the whole cloud stand apart
_SCATTERED = 0.75  # clusters of those that scattered points would give; rings have fewer
_LIKE = 1.5  # rings that differ by less may be the same sensor's: some have no echo
_EVERY = 4  # one of so many wide slices is enough
_LOW_M = 1.0  # an origin nearer to the ground may be the vehicle's, with the sensor above it
_LIFTS_M = np.arange(0.4, 3.01, 0.1)
_SECTOR_DEG = 5.0  # seen from a sensor that is not above the origin, rings are level in it


class Beams(NamedTuple):
    """How a sensor looks around, as seen from the origin of its cloud."""

    pattern: Pattern
    rings: int  # 0 where the pattern is not repetitive
    lowest_deg: float  # elevation
    highest_deg: float
    azimuth_step_deg: float  # between two firings; 0 where the pattern is not repetitive

    @property
    def text(self) -> str:
        """Say it to a reader."""
        span = f"{self.lowest_deg:.0f} to {self.highest_deg:.0f} deg"
        if self.pattern == "non-repetitive":
            return f"no rings (a non-repetitive pattern), {span}"
        return f"{self.rings} rings, {span}, every {self.azimuth_step_deg:.2f} deg"


def measure_beams(points: Float32) -> Beams | None:
    """Measure points ``[N, 3+]`` (x, y, z in m) of one sweep; None for too few of them.

    All points of the sweep: a sample has no rings. Those that are not finite do not count.
    """
    points = points[np.isfinite(points[:, :3]).all(axis=1), :3]
    points = points[np.hypot(points[:, 0], points[:, 1]) > _NEAREST_M]
    if len(points) < _LEAST_POINTS:
        return None
    ground_m = ground_height(points)
    azimuth = np.degrees(np.arctan2(points[:, 1], points[:, 0]), dtype=np.float64)
    some = np.floor((azimuth + 180) / _WIDE_DEG) % _EVERY == 0
    echoes, azimuth = points[some].astype(np.float64), azimuth[some]
    elevation = _from_sensor(echoes, azimuth, ground_m)
    wide = _clusters(elevation, azimuth, _WIDE_DEG, _FINE_GAP_DEG)
    low, high = np.quantile(elevation, (0.002, 0.998)).tolist()
    if wide.scattered > _SCATTERED:
        return Beams("non-repetitive", 0, low, high, 0.0)
    step_deg = wide.azimuth_step_deg
    narrow = _clusters(elevation, azimuth, max(_NARROW_DEG, 2 * step_deg), _GAP_DEG)
    rings = max(round(float(np.quantile(narrow.counts, _FULL))), _rings_of_all(elevation))
    return Beams("spinning", rings, low, high, step_deg)


def sparser(rings: float, than: float) -> bool:
    """Whether a sensor clearly has fewer rings than another one."""
    return rings * _LIKE < than


def refuse_other_rings(clouds: Iterable[Float32], rings: int, sensor: str, where: str) -> None:
    """Raise ``ValueError`` if sweeps ``[N, 3+]`` are clearly not of a sensor of so many rings.

    ``rings`` 0: one whose pattern is not repetitive. ``sensor`` and ``where``: its name, and where
    the sweeps come from, for the text. Sweeps of too few points say nothing.
    """
    found = [beams for beams in map(measure_beams, clouds) if beams is not None]
    counts = [beams.rings for beams in found]
    if not counts:
        return
    seen = float(np.median(counts))
    if (seen == 0) == (rings == 0) and not (sparser(seen, rings) or sparser(rings, seen)):
        return
    wanted = f"{rings} rings" if rings else "no rings"
    got = found[int(np.argmin(np.abs(np.array(counts) - seen)))]
    raise ValueError(
        f"{where}: expected sweeps of {sensor} ({wanted}), found {got.text}; name the sensor that"
        " they were recorded with"
    )


def _from_sensor(echoes: _Float, azimuth: _Float, ground_m: float | None) -> _Float:
    """Elevations in degrees, from the height at which the sensor seems to be."""
    if ground_m is None or ground_m < -_LOW_M:
        return _elevation(echoes, 0.0)
    heights_m = (ground_m + _LIFTS_M).tolist()
    if ground_m < -_LIFTS_M[0]:  # the origin itself may be the sensor
        heights_m.insert(0, 0.0)
    sector = np.floor((azimuth + 180) / _SECTOR_DEG).astype(np.int64)

    def peaks(lift_m: float) -> float:
        return _peaks(_elevation(echoes, lift_m), sector)

    return _elevation(echoes, max(heights_m, key=peaks))


def _peaks(elevation: _Float, sector: NDArray[np.int64]) -> float:
    """How far elevations gather in each sector within their degree; 1: they do not at all."""
    bins = sector * 1800 + ((elevation + 90) * 9.999).astype(np.int64)
    fine = np.bincount(bins, minlength=1800 * (int(sector.max()) + 1))
    degrees = fine.reshape(-1, 10).sum(axis=1)
    return float(10 * (fine**2).sum() / (degrees**2).sum())


def _elevation(echoes: _Float, lift_m: float) -> _Float:
    elevation: _Float = np.degrees(
        np.arctan2(echoes[:, 2] - lift_m, np.hypot(echoes[:, 0], echoes[:, 1]))
    )
    return elevation


class _Clusters(NamedTuple):
    """Clusters of elevations in slices of azimuth; without points there are none."""

    counts: NDArray[np.int64]  # in each slice that has points
    scattered: float  # how many there are, of those of as many points scattered alike
    azimuth_step_deg: float  # median of the steps within clusters


def _clusters(elevation: _Float, azimuth: _Float, width_deg: float, gap_deg: float) -> _Clusters:
    slices = np.floor((azimuth + 180) / width_deg).astype(np.int64)
    order = np.lexsort((elevation, slices))
    slices, elevation, azimuth = slices[order], elevation[order], azimuth[order]
    starts = (np.diff(slices, prepend=-1) != 0) | (np.diff(elevation, prepend=-90.0) > gap_deg)
    points = np.bincount(slices)
    counts = np.bincount(slices, weights=starts).astype(np.int64)[points > 0]
    points = points[points > 0]
    last = np.cumsum(points) - 1
    span = np.maximum(elevation[last] - elevation[last - points + 1], gap_deg)
    # Of n points at random in a span, a gap is wider with probability exp(-n gap / span).
    expected = 1 + (points - 1) * np.exp(-points * gap_deg / span)
    cluster = np.cumsum(starts)
    order = np.lexsort((azimuth, cluster))
    steps = np.diff(azimuth[order])[np.diff(cluster[order]) == 0]
    steps = steps[steps > 0.01]  # second echoes have none
    step_deg = float(np.median(steps)) if len(steps) else 0.0
    return _Clusters(counts, float(counts.sum() / expected.sum()), step_deg)


def _rings_of_all(elevation: _Float) -> int:
    """Count the clusters of all elevations; 0 where they run into each other."""
    filled = np.bincount(((elevation + 90) / _BIN_DEG).astype(np.int64))
    least = 0.05 * np.quantile(filled[filled > 0], 0.9)
    first, last = np.flatnonzero(filled > least)[[0, -1]]
    some = filled[first : last + 1] > least
    if some.mean() > _SHARP:
        return 0
    return int(np.count_nonzero(np.diff(some.astype(np.int8), prepend=0) == 1))
