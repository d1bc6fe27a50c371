"""Statistics of the clouds that a checkpoint was trained on, written into it by training."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pd_ros.detection.config.base import FrozenConfig, parse_config
from pd_ros.pointcloud.beams import Beams
from pd_ros.pointcloud.statistics import CloudContent

KEY = "cloud"  # in the checkpoint's training record
Spread = tuple[float, float, float]  # quantiles 0.1, 0.5 and 0.9 over the sweeps


class BeamsRecord(FrozenConfig):
    """Figures of ``Beams`` over the training sweeps."""

    rings: Spread  # 0: a pattern that is not repetitive
    lowest_deg: Spread
    highest_deg: Spread
    azimuth_step_deg: Spread

    @property
    def text(self) -> str:
        """Say it to a reader: rings, and from where to where they reach."""
        low, high = round(self.rings[0]), round(self.rings[2])
        rings = f"{low} to {high}" if low < high else str(high or "no")
        return f"{rings} rings, {self.lowest_deg[1]:.0f} to {self.highest_deg[1]:.0f} deg"


class CloudRecord(FrozenConfig):
    """Figures of the training sweeps as the model got them: ``CloudContent`` and ``Beams``."""

    sweeps: int  # how many were measured
    ground_m: Spread | None  # None: no level ground in any
    intensity_median: Spread
    intensity_high: Spread  # quantile 0.99 of each sweep
    points_in_range: Spread
    in_range: Spread  # share
    beams: BeamsRecord | None = None  # None: the record is older than these figures


# What pd_ros' own simulated HDL-64E on a car gives (60 sweeps of `training.simulate frames`); its
# ground is where the sensor's height of 1.73 m puts it.
SIMULATED = CloudRecord(
    sweeps=60,
    ground_m=(-1.93, -1.73, -1.55),
    intensity_median=(0.25, 0.28, 0.30),
    intensity_high=(0.55, 0.61, 0.68),
    points_in_range=(95_500, 103_600, 115_000),
    in_range=(0.92, 0.95, 0.98),
    beams=BeamsRecord(
        rings=(64, 64, 64),
        lowest_deg=(-23.6, -23.6, -23.6),
        highest_deg=(2.3, 2.3, 2.3),
        azimuth_step_deg=(0.17, 0.17, 0.17),
    ),
)


class Expected(NamedTuple):
    """A record, and whether the checkpoint really has it."""

    record: CloudRecord
    recorded: bool

    @property
    def beams(self) -> BeamsRecord | None:
        """The beams of the training, or those of the simulated sensor where they are not known."""
        return self.record.beams or SIMULATED.beams

    @property
    def ground_m(self) -> float | None:
        """Z of the training's ground; None where it saw no level one."""
        return None if self.record.ground_m is None else self.record.ground_m[1]


def summarise(
    contents: Sequence[CloudContent], beams: Sequence[Beams | None] = ()
) -> CloudRecord | None:
    """Return the record of some sweeps; None where none of them has a usable point."""
    usable = [content for content in contents if np.isfinite(content.intensity[1])]
    if not usable:
        return None
    grounds = [content.ground_m for content in usable if content.ground_m is not None]
    return CloudRecord(
        sweeps=len(usable),
        ground_m=_spread(grounds) if grounds else None,
        intensity_median=_spread([content.intensity[1] for content in usable]),
        intensity_high=_spread([content.intensity[2] for content in usable]),
        points_in_range=_spread([content.points_in_range for content in usable]),
        in_range=_spread([content.in_range for content in usable]),
        beams=_summarise_beams([each for each in beams if each is not None]),
    )


def _summarise_beams(beams: Sequence[Beams]) -> BeamsRecord | None:
    if not beams:
        return None
    return BeamsRecord(
        rings=_spread([each.rings for each in beams]),
        lowest_deg=_spread([each.lowest_deg for each in beams]),
        highest_deg=_spread([each.highest_deg for each in beams]),
        azimuth_step_deg=_spread([each.azimuth_step_deg for each in beams]),
    )


def expected_clouds(training: Mapping[str, object], where: str = "checkpoint") -> Expected:
    """Return what a checkpoint's training record says, or what the simulated sensor gives.

    Raises ``ValueError`` that names ``where`` for a record that is damaged.
    """
    if training.get(KEY) is None:
        return Expected(SIMULATED, recorded=False)
    return Expected(parse_config(training[KEY], CloudRecord, f"{where} (training.{KEY})"), True)


def _spread(values: Sequence[float]) -> Spread:
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9)).round(4).tolist()
    return low, middle, high
