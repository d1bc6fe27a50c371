"""Patterns of scanning: when each pulse of a sweep is fired, and where it points.

Angles are in degrees as in data sheets: azimuth counter-clockwise from forward (x), elevation up.
Spinning sensors repeat their pattern with every turn; the two others do not, so that where they
point depends on how long the sensor has run.
"""

from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from pd_ros.detection.config.base import FrozenConfig, by_kind, of_kind
from training.simulate.bodies.mesh import Float64

MOST_BEAMS = 256
_RADIANS = 1.6  # a whole table within it is in radians: no sensor has beams this close together
Rate = Annotated[float, Field(gt=0, le=1_000)]  # Hz
Angle = Annotated[float, Field(ge=-90, le=90)]  # degrees
Interval = tuple[float, float]


class Rays(NamedTuple):
    """The pulses of one sweep in the order of firing; ``[R]``."""

    directions: Float64  # [R, 3] unit vectors in the sensor's frame
    ring: NDArray[np.int64]  # [R] beam, from the lowest; of a Livox: its laser
    time_s: Float64  # [R] since the start of the sweep


class BeamSpan(FrozenConfig):
    """Beams of equal spacing, from the lowest to the highest of them."""

    first: float
    last: float
    beams: Annotated[int, Field(ge=2, le=MOST_BEAMS)]


def _checked(table: tuple[float | BeamSpan, ...]) -> tuple[float | BeamSpan, ...]:
    """Refuse tables of no beams, out of order, or of another unit."""
    angles = _expanded(table)
    if not 1 <= len(angles) <= MOST_BEAMS:
        raise ValueError(
            f"expected the angles of 1 to {MOST_BEAMS} beams, got {len(angles)}; write one number"
            " per beam, or {first: -25.0, last: 15.0, beams: 64} for beams of equal spacing"
        )
    for number, (lower, upper) in enumerate(pairwise(angles), 2):
        if not lower < upper:
            raise ValueError(
                "expected angles that rise from the lowest beam to the highest, got"
                f" {upper:g} after {lower:g} (beam {number}); sort them and take out what is"
                " there twice"
            )
    if max(map(abs, angles)) > 90:
        raise ValueError(
            f"expected degrees within -90 to 90, got {angles[0]:g} to {angles[-1]:g}; divide what"
            " is in hundredths or thousandths of a degree"
        )
    if len(angles) > 1 and max(map(abs, angles)) <= _RADIANS:
        low, high = np.degrees((angles[0], angles[-1]))
        raise ValueError(
            f"expected degrees, got {angles[0]:g} to {angles[-1]:g} for all {len(angles)} beams,"
            f" which is what radians look like ({low:.1f} to {high:.1f} degrees); multiply by"
            " 57.29578"
        )
    return table


def _expanded(table: tuple[float | BeamSpan, ...]) -> tuple[float, ...]:
    angles: list[float] = []
    for entry in table:
        if isinstance(entry, BeamSpan):
            angles += np.linspace(entry.first, entry.last, entry.beams).tolist()
        else:
            angles.append(entry)
    return tuple(angles)


class SpinningScan(FrozenConfig):
    """Beams one above the other on a head that turns clockwise, starting behind (-x)."""

    kind: Literal["spinning"] = "spinning"
    elevations_deg: Annotated[tuple[float | BeamSpan, ...], AfterValidator(_checked)]
    azimuth_offsets_deg: tuple[Angle, ...] = ()  # of each beam from the head's; none: all 0
    firings_per_turn: Annotated[int, Field(ge=1, le=36_000)]  # of every beam

    @model_validator(mode="after")
    def _fits(self) -> Self:
        beams = len(self.elevations)
        if len(self.azimuth_offsets_deg) not in (0, beams):
            raise ValueError(
                f"azimuth_offsets_deg: expected one number per beam ({beams}) or none, got"
                f" {len(self.azimuth_offsets_deg)}"
            )
        return self

    @property
    def elevations(self) -> tuple[float, ...]:
        """Angles of all beams, from the lowest."""
        return _expanded(self.elevations_deg)

    @property
    def rings(self) -> int:
        """How many beams there are."""
        return len(self.elevations)

    def pulses(self, rate_hz: float) -> int:
        """Pulses of one sweep."""
        return self.firings_per_turn * self.rings

    def at_rate(self, factor: float) -> "SpinningScan":
        """The scan of a head that turns faster while its lasers fire as before."""
        return self.model_copy(
            update={"firings_per_turn": max(round(self.firings_per_turn / factor), 1)}
        )

    def rays(self, rate_hz: float, start_s: float) -> Rays:
        """The pulses of a turn; beams fastest. They are the same in every turn."""
        steps, elevation = self.firings_per_turn, np.radians(self.elevations)
        azimuth = (np.pi - np.arange(steps) * 2 * np.pi / steps)[:, None]  # [A, 1]
        if self.azimuth_offsets_deg:
            azimuth = azimuth + np.radians(self.azimuth_offsets_deg)  # [A, B]
        flat = np.stack((np.cos(azimuth), np.sin(azimuth)), axis=2)  # [A, 1 or B, 2]
        xy = flat * np.cos(elevation)[None, :, None]
        z = np.broadcast_to(np.sin(elevation), xy.shape[:2])
        directions = np.concatenate((xy, z[..., None]), axis=2).reshape(-1, 3)
        number = np.arange(len(directions))
        beams = len(elevation)
        times = (number // beams).astype(np.float64) * (1 / rate_hz / steps)
        return Rays(directions, number % beams, times)


class _Running(FrozenConfig):
    """What patterns that do not repeat have in common: pulses at a steady rate."""

    points_per_second: Annotated[int, Field(ge=1_000, le=20_000_000)]

    def pulses(self, rate_hz: float) -> int:
        """Pulses of one sweep."""
        return round(self.points_per_second / rate_hz)

    def at_rate(self, factor: float) -> Self:
        """The same: the rate only says after how long a cloud is sent."""
        return self

    def _times(self, rate_hz: float) -> Float64:
        times: Float64 = np.arange(self.pulses(rate_hz)) / self.points_per_second
        return times


class RosetteScan(_Running):
    """Lasers behind two turning prisms: the beam is bent twice, so that it draws a rosette."""

    kind: Literal["rosette"]
    prism_rates_hz: tuple[float, float]  # negative: clockwise
    prism_angles_deg: tuple[Angle, Angle]  # by which each bends the beam
    laser_elevations_deg: Annotated[tuple[Angle, ...], Field(min_length=1, max_length=MOST_BEAMS)]

    @property
    def rings(self) -> int:
        """How many lasers there are."""
        return len(self.laser_elevations_deg)

    def rays(self, rate_hz: float, start_s: float) -> Rays:
        """The pulses of a sweep that starts so long after the prisms were aligned."""
        times = self._times(rate_hz)
        ring = np.arange(len(times)) % self.rings
        turns = 2 * np.pi * np.array(self.prism_rates_hz) * (start_s + times)[:, None]  # [R, 2]
        bends = np.radians(self.prism_angles_deg)
        azimuth = (bends * np.sin(turns)).sum(axis=1)
        elevation = (bends * np.cos(turns)).sum(axis=1)
        elevation += np.radians(self.laser_elevations_deg)[ring]
        return Rays(_unit(azimuth, elevation), ring, times)


class SwingingScan(_Running):
    """Lasers spread about a turning head that swing up and down, evenly over the field of view."""

    kind: Literal["swinging"]
    elevation_deg: tuple[Angle, Angle]  # lowest, highest
    turn_rate_hz: Rate
    swing_rate_hz: Rate
    lasers: Annotated[int, Field(ge=1, le=MOST_BEAMS)] = 1

    @model_validator(mode="after")
    def _fits(self) -> Self:
        low, high = self.elevation_deg
        if not low < high:
            raise ValueError(
                f"elevation_deg: expected the lowest angle, then the highest, got {low:g},"
                f" {high:g}"
            )
        if max(-low, high) <= _RADIANS:
            raise ValueError(
                f"elevation_deg: expected degrees, got {low:g} to {high:g}, which is what radians"
                " look like; multiply by 57.29578"
            )
        return self

    @property
    def rings(self) -> int:
        """How many lasers there are."""
        return self.lasers

    def rays(self, rate_hz: float, start_s: float) -> Rays:
        """The pulses of a sweep that starts so long after the sensor did."""
        times = self._times(rate_hz)
        ring = np.arange(len(times)) % self.lasers
        phase = ring / self.lasers
        azimuth = -2 * np.pi * (self.turn_rate_hz * (start_s + times) + phase)
        swing = np.abs((self.swing_rate_hz * (start_s + times) + phase / 2) % 1 * 2 - 1)
        low, high = np.radians(self.elevation_deg)
        return Rays(_unit(azimuth, low + (high - low) * swing), ring, times)


AnyScan = Annotated[
    Annotated[SpinningScan, of_kind("spinning")]
    | Annotated[RosetteScan, of_kind("rosette")]
    | Annotated[SwingingScan, of_kind("swinging")],
    by_kind("spinning"),
]


def _unit(azimuth: Float64, elevation: Float64) -> Float64:
    flat = np.cos(elevation)
    columns = (flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation))
    return np.stack(columns, axis=1)
