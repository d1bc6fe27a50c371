"""Have a checkpoint see sweeps raised by an offset, as the node's ``input.z_offset`` does."""

from collections.abc import Sequence

from pd_ros.pointcloud.z_offset import measure_offset
from training.datasets.first_look import xyzi
from training.datasets.frame import Frames


def offsets_of_drives(
    frames: Frames,
    drives: Sequence[str],
    features: Sequence[str],
    trained_ground_m: float | None,
) -> list[float]:
    """Measure the offset in m of each sweep, from the first sweeps of its drive.

    ``drives``: one for each sweep. A drive whose ground is not seen has an offset of 0.
    """
    measured: dict[str, float] = {}
    for drive in dict.fromkeys(drives):
        indices = (i for i, name in enumerate(drives) if name == drive)
        clouds = (xyzi(frames[i].points, features) for i in indices)
        measured[drive] = measure_offset(clouds, trained_ground_m).settle()
    return [measured[drive] for drive in drives]
