import os
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no failure: no test is judged by how long it takes.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


# Where test modules run beside each other (pytest-xdist), each process has a core and a ROS domain
# of its own, so that nobody hears another's clouds.
if "PYTEST_XDIST_WORKER" in os.environ:
    _worker = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    _domain = int(os.environ.get("ROS_DOMAIN_ID") or 0)
    os.environ["ROS_DOMAIN_ID"] = str((_domain + 40 + _worker) % 100)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported


@pytest.fixture
def data_dir() -> Path:
    folder = os.environ.get("PD_ROS_DATA")
    if not folder:
        pytest.skip("PD_ROS_DATA is not set: no real data")
    return Path(folder)
