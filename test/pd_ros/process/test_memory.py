"""Freed memory that is kept, seen by the pages that a process has to be given again."""

import subprocess
import sys

import pytest

# Buffers of 1 to 31 MB, as a cloud's maps are, taken and freed eight times.
_CLOUDS = """
import resource, sys
import numpy as np
from pd_ros.process.memory import keep_freed_memory

def cloud():
    maps = [np.ones(megabytes << 20, np.uint8) for megabytes in (4, 31, 1, 16)]
    while maps:
        maps.pop()

if sys.argv[1] == "keep":
    keep_freed_memory()
cloud()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    cloud()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(way: str) -> int:
    told = subprocess.run(
        [sys.executable, "-c", _CLOUDS, way], capture_output=True, text=True, check=True
    )
    return int(told.stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_buffers_of_a_cloud_are_not_mapped_anew_for_the_next() -> None:
    assert page_faults("keep") < 100 < page_faults("default")
