"""Consecutive sweeps of a drive along one street."""

from collections.abc import Iterator

import numpy as np

from training.simulate.lidar.observe import Mount, SimulatedFrame, observe
from training.simulate.lidar.receive import draw_look
from training.simulate.lidar.sensor import Sensor
from training.simulate.world.street import make_street

_HEIGHT_M = 1.73


def simulate_drive(
    seed: int, sensor: Sensor, seconds: float, rate_hz: float = 10.0
) -> Iterator[SimulatedFrame]:
    """Sweeps of a drive, equal for equal arguments; track ids hold for the whole drive.

    Raises ``ValueError`` for a rate that is not positive or a duration shorter than a sweep.
    """
    if not (0 < rate_hz < np.inf and 0.5 < seconds * rate_hz < np.inf):
        raise ValueError(
            f"drive: expected a duration of at least one sweep, got {seconds} s at {rate_hz} Hz"
        )
    rng = np.random.default_rng(seed)
    street = make_street(rng, seconds)
    mount = Mount(_HEIGHT_M, hidden=True, look=draw_look(rng))
    for i in range(round(seconds * rate_hz)):
        yield observe(street, mount, i / rate_hz, sensor, np.random.default_rng((seed, i)))
