"""Data sets of several sensors, heights and tilts: which of them each frame is seen by."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from pd_ros.detection.config.base import FrozenConfig, Name, load_config
from training.simulate.lidar.rig import Rig
from training.simulate.lidar.sensor_files import load_rig
from training.simulate.mounting import AS_ON_KITTI, Mounting

_APART = 2**32 - 2  # from the numbers that streets and mountings are drawn from


class Part(NamedTuple):
    """What a share of the frames is seen by."""

    rig: Rig
    mounting: Mounting = AS_ON_KITTI
    share: float = 1.0


class PartConfig(Mounting):
    """A part of a mixture file."""

    sensor: Name  # name or file, seen from the folder that the command is run in
    share: Annotated[float, Field(gt=0, le=1e6)]  # of the sum of all shares
    rate_hz: Annotated[float, Field(gt=0, le=100)] | None = None  # None: the sensor's


class MixtureConfig(FrozenConfig):
    """A mixture file."""

    parts: Annotated[tuple[PartConfig, ...], Field(min_length=1, max_length=1_000)]


def load_mixture(path: Path) -> tuple[Part, ...]:
    """Read a mixture file with all its sensors; raises ``ValueError`` that says what is wrong."""
    parts = []
    for number, part in enumerate(load_config(path, MixtureConfig).parts):
        try:
            rig = load_rig(part.sensor)
            rig = rig if part.rate_hz is None else rig.at_rate(part.rate_hz)
        except ValueError as error:
            raise ValueError(f"{path}: parts.{number}.sensor: {error}") from None
        parts.append(Part(rig, part, part.share))
    return tuple(parts)


def pick(parts: Sequence[Part], seed: int) -> Part:
    """The part that the frame of a seed is of: the same whatever other frames are made."""
    shares = np.array([part.share for part in parts])
    at = np.random.default_rng((seed, _APART)).random() * shares.sum()
    number = int(np.searchsorted(np.cumsum(shares), at, side="right"))
    return parts[min(number, len(parts) - 1)]
