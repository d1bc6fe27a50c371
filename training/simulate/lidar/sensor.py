"""Spinning LiDARs: where their beams point, how far they see, how noisy they are."""

from dataclasses import dataclass

import numpy as np

from training.simulate.bodies.mesh import Float64


@dataclass(frozen=True)
class Sensor:
    """A spinning LiDAR at 10 Hz; angles in degrees, distances in metres."""

    name: str
    elevations_deg: tuple[float, ...]  # one per beam, from the lowest
    azimuth_steps: int  # firings per turn
    min_range_m: float
    max_range_m: float
    range_noise_m: float  # standard deviation

    @property
    def directions(self) -> Float64:
        """Unit vectors ``[azimuth_steps * beams, 3]``, beams fastest, starting behind (-x)."""
        elevation = np.radians(self.elevations_deg)
        azimuth = np.pi - np.arange(self.azimuth_steps) * 2 * np.pi / self.azimuth_steps
        flat = np.stack((np.cos(azimuth), np.sin(azimuth)), axis=1)  # [A, 2]
        xy = flat[:, None] * np.cos(elevation)[None, :, None]
        z = np.broadcast_to(np.sin(elevation), xy.shape[:2])
        return np.concatenate((xy, z[..., None]), axis=2).reshape(-1, 3)


def _steps(start: float, stop: float, count: int) -> tuple[float, ...]:
    return tuple(float(v) for v in np.linspace(start, stop, count))


# Two blocks of 32 beams, the lower one half a degree apart, the upper one a third (Velodyne
# HDL-64E S2 manual: -24.3 to -8.8 and -8.3 to 2.0 degrees), tilted up by half a degree as on the
# vehicle that recorded KITTI.
HDL_64E = Sensor(
    "hdl64e", _steps(-23.65, -8.42, 32) + _steps(-7.83, 2.3, 32), 2160, 1.5, 120.0, 0.015
)
VLP_16 = Sensor("vlp16", _steps(-15.0, 15.0, 16), 1800, 1.0, 100.0, 0.02)
# Dense about the horizon, as the 128-beam sensors of several makers are.
BEAMS_128 = Sensor(
    "beams128",
    _steps(-25.0, -6.5, 38) + _steps(-6.2, 2.0, 66) + _steps(2.4, 15.0, 24),
    1800,
    1.0,
    150.0,
    0.02,
)
SENSORS = {sensor.name: sensor for sensor in (HDL_64E, VLP_16, BEAMS_128)}
