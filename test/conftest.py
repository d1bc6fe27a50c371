import os
from pathlib import Path

import pytest


@pytest.fixture
def data_dir() -> Path:
    folder = os.environ.get("PD_ROS_DATA")
    if not folder:
        pytest.skip("PD_ROS_DATA is not set: no real data")
    return Path(folder)
