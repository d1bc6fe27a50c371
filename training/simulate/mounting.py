"""How high a rig is mounted and how it is tilted: as drawn for one frame of a data set."""

from typing import Annotated, NamedTuple, Self

import numpy as np
from numpy.random import Generator
from pydantic import Field, model_validator

from pd_ros.detection.config.base import FrozenConfig

_Height = Annotated[float, Field(ge=0, le=6)]
_Tilt = Annotated[float, Field(ge=-30, le=30)]  # beyond, upright boxes do not fit any more
_Factor = Annotated[float, Field(gt=0, le=10)]


class Mounting(FrozenConfig):
    """Ranges ``(low, high)`` that each frame draws from; equal ends are one value."""

    height_m: tuple[_Height, _Height] | None = None  # None: as KITTI's vehicle and its like
    pitch_deg: tuple[_Tilt, _Tilt] = (0.0, 0.0)  # positive looks down
    roll_deg: tuple[_Tilt, _Tilt] = (0.0, 0.0)  # positive lowers the right side
    intensity_scale: tuple[_Factor, _Factor] = (1.0, 1.0)  # on top of the sensor's own

    @model_validator(mode="after")
    def _rise(self) -> Self:
        for name in Mounting.model_fields:
            low, high = getattr(self, name) or (0, 0)
            if low > high:
                raise ValueError(f"{name}: expected the lower end first, got {low:g}, {high:g}")
        return self

    def draw(self, seed: int) -> "Drawn":
        """What the frame or the drive of a seed has; streets are drawn from other numbers."""
        rng = np.random.default_rng((seed, _APART))
        return Drawn(
            None if self.height_m is None else _between(self.height_m, rng),
            _between(self.pitch_deg, rng),
            _between(self.roll_deg, rng),
            _between(self.intensity_scale, rng),
            float(rng.uniform(0, 1_000)),
        )


class Drawn(NamedTuple):
    """The mounting of one frame."""

    height_m: float | None
    pitch_deg: float
    roll_deg: float
    intensity_scale: float
    started_s: float  # how long the sensor has run: what patterns that do not repeat show


_APART = 2**32 - 1  # from the numbers of a drive's sweeps
AS_ON_KITTI = Mounting()


def _between(ends: tuple[float, float], rng: Generator) -> float:
    return float(rng.uniform(*ends))
