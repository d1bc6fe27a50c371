"""Consecutive sweeps of a drive along one street."""

from collections.abc import Iterator

import numpy as np

from training.simulate.frames import ROOF_FROM_M
from training.simulate.lidar.observe import Mount, SimulatedFrame, observe
from training.simulate.lidar.receive import draw_look
from training.simulate.lidar.rig import Rig
from training.simulate.mounting import AS_ON_KITTI, Mounting
from training.simulate.world.street import make_street

_HEIGHT_M = 1.73


def simulate_drive(
    seed: int,
    rig: Rig,
    seconds: float,
    rate_hz: float | None = None,
    mounting: Mounting = AS_ON_KITTI,
) -> Iterator[SimulatedFrame]:
    """Sweeps of a drive, equal for equal arguments; track ids hold for the whole drive.

    ``rate_hz``: None: the rig's. What ``mounting`` leaves open is drawn once; without a height
    it is 1.73 m. Raises ``ValueError`` for a rate that is not positive or a duration shorter than
    a sweep.
    """
    rate_hz = rig.rate_hz if rate_hz is None else rate_hz
    if not (0 < rate_hz < np.inf and 0.5 < seconds * rate_hz < np.inf):
        raise ValueError(
            f"drive: expected a duration of at least one sweep, got {seconds} s at {rate_hz} Hz"
        )
    rng = np.random.default_rng(seed)
    street = make_street(rng, seconds)
    drawn = mounting.draw(seed)
    height = _HEIGHT_M if drawn.height_m is None else drawn.height_m
    on_roof = rig.is_single and height >= ROOF_FROM_M
    mount = Mount(height, on_roof, draw_look(rng), drawn.pitch_deg, drawn.roll_deg)
    rig = rig.brightened(drawn.intensity_scale)
    for i in range(round(seconds * rate_hz)):
        yield observe(street, mount, i / rate_hz, rig, np.random.default_rng((seed, i)))
