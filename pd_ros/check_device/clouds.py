"""The sweeps that the checks are made on: the user's, real ones where they are, else made up."""

from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd_ros.benchmark.inputs import real_sweeps
from pd_ros.check_device.scenes import make_scene

_MOST = 4


class Clouds(NamedTuple):
    """Sweeps ``[N, 4]`` (x, y, z in m, intensity), and what to call them."""

    name: str
    sweeps: tuple[NDArray[np.float32], ...]


def choose_clouds(points: Path | None) -> Clouds:
    """Read the sweeps; ``ValueError`` for ``points`` that cannot be read.

    Without ``points`` the real ones in PD_ROS_DATA, which need rosbags to be read, else streets.
    """
    readable = find_spec("rosbags") is not None
    if points is None and readable:
        points = real_sweeps()
    if points is None:
        scenes = tuple(make_scene(seed).points for seed in range(_MOST))
        return Clouds("made-up streets with cars", scenes)
    if not readable:
        raise ValueError(
            f"--points: rosbags is needed to read {points}, and is not installed; leave the option"
            " out to check on made-up streets"
        )
    from pd_ros.recordings.sources import open_source  # noqa: PLC0415 - needs rosbags

    source = open_source(points, None, 1.0, None, with_truth=False)
    sweeps = tuple(sweep.points[:, :4] for sweep in islice(source.sweeps(), _MOST))
    return Clouds(str(points), sweeps)
