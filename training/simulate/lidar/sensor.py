"""What a data sheet says about a LiDAR: its scan, how far it sees, how noisy it is.

Sensors are the files of ``config/sensors``; ``sensor_files.py`` reads them.
"""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from pd_ros.detection.config.base import FrozenConfig, Name, Probability
from training.simulate.lidar.scan import AnyScan, Interval, Rays

_FASTEST_HZ = 100.0
_MOST_PULSES = 2_000_000  # of one sweep; the densest sensor that is sold fires a quarter million
Range = Annotated[float, Field(ge=0, le=1_000)]  # metres


class Sources(FrozenConfig):
    """Where the figures of a file come from, in words."""

    scan: str = ""  # angles, firings, rate
    range: str = ""
    noise: str = ""  # of range, and pulses lost at random
    intensity: str = ""


class Sensor(FrozenConfig):
    """A LiDAR; angles in degrees, distances in metres."""

    title: Name
    scan: AnyScan
    rate_hz: Annotated[float, Field(gt=0, le=_FASTEST_HZ)] = 10.0  # sweeps per second
    range_m: tuple[Range, Range]  # shortest, longest
    range_at_10_percent_m: Annotated[float, Field(gt=0, le=1_000)] = 50.0  # on dark surfaces
    range_noise_m: Annotated[float, Field(ge=0, le=1)]  # standard deviation
    dropout: Probability = 0.004  # share of pulses that are lost at random
    # Factor on the intensities of an HDL-64E, which are what surfaces are made of here.
    intensity_scale: Annotated[float, Field(gt=0, le=10)] = 1.0
    returns: Literal[1, 2] = 1  # at most, per pulse
    blind_deg: tuple[Interval, ...] = ()  # azimuths that see nothing: counter-clockwise, from, to
    sources: Sources = Sources()

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        shortest, longest = self.range_m
        if not shortest < longest:
            raise ValueError(
                "range_m: expected the shortest range, then the longest in metres, got"
                f" {shortest:g}, {longest:g}"
            )
        if not shortest < self.range_at_10_percent_m <= longest:
            raise ValueError(
                f"range_at_10_percent_m: expected a range within range_m ({shortest:g} to"
                f" {longest:g} m), got {self.range_at_10_percent_m:g}"
            )
        self._refuse_too_many_pulses()
        for start, end in self.blind_deg:
            if not (-360 <= start <= 360 and start < end <= start + 360):
                raise ValueError(
                    "blind_deg: expected azimuths in degrees, counter-clockwise, the second after"
                    f" the first, such as [150, 210] for what is behind, got [{start:g}, {end:g}]"
                )
        return self

    def rays(self, start_s: float = 0.0) -> Rays:
        """The pulses of a sweep that starts so long after the sensor did, blind zones left out."""
        rays = self.scan.rays(self.rate_hz, start_s)
        if not self.blind_deg:
            return rays
        azimuth = np.degrees(np.arctan2(rays.directions[:, 1], rays.directions[:, 0]))
        seen = np.ones(len(azimuth), dtype=np.bool_)
        for start, end in self.blind_deg:
            seen &= (azimuth - start) % 360 > end - start
        return Rays(rays.directions[seen], rays.ring[seen], rays.time_s[seen])

    def at_rate(self, rate_hz: float) -> "Sensor":
        """The sensor at another rate: its lasers fire as fast, so that a turn has other firings.

        Raises ``ValueError`` for a rate that no sensor has.
        """
        if not 0 < rate_hz <= _FASTEST_HZ:
            raise ValueError(
                f"expected a rate over 0 and up to {_FASTEST_HZ:g} Hz, got {rate_hz:g}"
            )
        scan = self.scan.at_rate(rate_hz / self.rate_hz)
        sensor = self.model_copy(update={"scan": scan, "rate_hz": rate_hz})
        sensor._refuse_too_many_pulses()
        return sensor

    def _refuse_too_many_pulses(self) -> None:
        if (pulses := self.scan.pulses(self.rate_hz)) > _MOST_PULSES:
            raise ValueError(
                f"expected at most {_MOST_PULSES:,} pulses in a sweep, got {pulses:,} at"
                f" {self.rate_hz:g} Hz; correct the rates"
            )

    def brightened(self, factor: float) -> "Sensor":
        """The sensor with another factor on its intensities, on top of its own."""
        return self.model_copy(update={"intensity_scale": self.intensity_scale * factor})
