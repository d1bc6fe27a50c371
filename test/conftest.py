import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no failure: no test is judged by how long it takes.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture
def data_dir() -> Path:
    folder = os.environ.get("PD_ROS_DATA")
    if not folder:
        pytest.skip("PD_ROS_DATA is not set: no real data")
    return Path(folder)
