"""Sensors for tests, as few words as they need."""

from collections.abc import Sequence

from training.simulate.lidar.rig import Rig
from training.simulate.lidar.scan import SpinningScan
from training.simulate.lidar.sensor import Sensor


def spinning(
    elevations_deg: Sequence[float],
    firings_per_turn: int,
    range_m: tuple[float, float] = (1.0, 100.0),
    range_noise_m: float = 0.02,
) -> Sensor:
    """A spinning sensor with the loss of pulses and the intensities of an HDL-64E."""
    scan = SpinningScan(elevations_deg=tuple(elevations_deg), firings_per_turn=firings_per_turn)
    return Sensor(
        title="of a test",
        scan=scan,
        range_m=range_m,
        range_at_10_percent_m=min(50.0, range_m[1]),
        range_noise_m=range_noise_m,
    )


def small_rig(
    elevations_deg: Sequence[float], firings_per_turn: int, range_noise_m: float = 0.02
) -> Rig:
    """A rig of one such sensor."""
    return Rig.of(spinning(elevations_deg, firings_per_turn, range_noise_m=range_noise_m))
