"""One or several sensors on a vehicle: where each sits, and which way it is turned.

The frame of a rig has x forward, y left, z up. Angles turn in the order yaw, pitch, roll, as in
ROS: positive pitch looks down, positive roll lowers the right side.
"""

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from pd_ros.detection.config.base import FrozenConfig, Name
from training.simulate.bodies.mesh import Float64
from training.simulate.lidar.scan import Interval
from training.simulate.lidar.sensor import Sensor

_Metres = Annotated[float, Field(ge=-20, le=20)]
_Degrees = Annotated[float, Field(ge=-360, le=360)]


class PlaceConfig(FrozenConfig):
    """A sensor of a rig file."""

    sensor: Name  # name, or path seen from the rig file's folder
    position_m: tuple[_Metres, _Metres, _Metres] = (0.0, 0.0, 0.0)
    yaw_deg: _Degrees = 0.0
    pitch_deg: _Degrees = 0.0
    roll_deg: _Degrees = 0.0
    blind_deg: tuple[Interval, ...] = ()  # what the vehicle hides from it, beside its own


class RigConfig(FrozenConfig):
    """A rig file."""

    title: Name
    sensors: Annotated[tuple[PlaceConfig, ...], Field(min_length=1, max_length=16)]


class PlacedSensor(NamedTuple):
    """A sensor at its place on the rig."""

    sensor: Sensor
    position_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0

    def to_rig(self, vectors: Float64) -> Float64:
        """Turn vectors ``[N, 3]`` of the sensor's frame into the rig's, without moving them."""
        return turned(vectors, self.yaw_deg, self.pitch_deg, self.roll_deg)


class Rig(NamedTuple):
    """Sensors whose sweeps are one cloud, in the rig's frame."""

    title: str
    sensors: tuple[PlacedSensor, ...]

    @classmethod
    def of(cls, sensor: Sensor) -> "Rig":
        """A single sensor; the rig's frame is its own."""
        return cls(sensor.title, (PlacedSensor(sensor),))

    @property
    def rate_hz(self) -> float:
        """Sweeps per second."""
        return self.sensors[0].sensor.rate_hz

    @property
    def is_single(self) -> bool:
        """Whether there is one sensor, whose frame is the rig's."""
        return self.sensors == (PlacedSensor(self.sensors[0].sensor),)

    def at_rate(self, rate_hz: float) -> "Rig":
        """The rig with all sensors at another rate."""
        return self._replace(
            sensors=tuple(p._replace(sensor=p.sensor.at_rate(rate_hz)) for p in self.sensors)
        )

    def brightened(self, factor: float) -> "Rig":
        """The rig with another factor on all intensities."""
        return self._replace(
            sensors=tuple(p._replace(sensor=p.sensor.brightened(factor)) for p in self.sensors)
        )


def turned(vectors: Float64, yaw_deg: float, pitch_deg: float, roll_deg: float) -> Float64:
    """Turn vectors ``[N, 3]`` by roll, then pitch, then yaw; the very same ones for no angle."""
    if not (yaw_deg or pitch_deg or roll_deg):
        return vectors
    result: Float64 = vectors @ rotation(yaw_deg, pitch_deg, roll_deg).T
    return result


def rotation(yaw_deg: float, pitch_deg: float, roll_deg: float) -> Float64:
    """Rotation matrix ``[3, 3]`` of the frame that is turned so, to the one that is not."""
    (cy, cp, cr), (sy, sp, sr) = (
        function(np.radians((yaw_deg, pitch_deg, roll_deg))) for function in (np.cos, np.sin)
    )
    yaw = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    pitch = np.array([[cp, 0, sp], [0, 1, 0], [-sp, 0, cp]])
    roll = np.array([[1, 0, 0], [0, cr, -sr], [0, sr, cr]])
    matrix: Float64 = yaw @ pitch @ roll
    return matrix
