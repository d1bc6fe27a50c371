import numpy as np
import pytest
from small_sensor import small_rig

from training.simulate.bodies.mesh import Material
from training.simulate.drive import simulate_drive
from training.simulate.lidar.observe import SimulatedFrame
from training.simulate.lidar.rig import Rig
from training.simulate.world.terrain import Terrain


@pytest.fixture(scope="session")
def coarse() -> Rig:
    """A sensor of a thirtieth of the rays of a real one."""
    elevations = tuple(np.linspace(-20.0, 2.0, 12).tolist())
    return small_rig(elevations, 360)


@pytest.fixture(scope="session")
def drive(coarse: Rig) -> list[SimulatedFrame]:
    """A drive of 1.2 s, seed 5."""
    return list(simulate_drive(5, coarse, 1.2))


@pytest.fixture(scope="session")
def flat() -> Terrain:
    """A straight street on level ground; 2 m for parking on the left, kerbs of 12 cm."""
    return Terrain(
        half_width_m=3.0,
        strip_m=(0.0, 2.0),
        pavement_m=2.0,
        crossings_s=(500.0,),
        crossing_half_width_m=3.0,
        bend_m=0.0,
        bend_length_m=200.0,
        waves=np.zeros((0, 4)),
        slope=0.0,
        land=Material.GRASS,
    )
