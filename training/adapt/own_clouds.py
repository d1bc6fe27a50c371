"""The user's own recordings: sweeps without labels, and what they say about the sensor."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from pd_ros.pointcloud.beams import refuse_other_rings
from pd_ros.process.unfinished import whole_file
from pd_ros.recordings.sources import RecordingSource, Source, Sweep, open_source
from training.datasets.spread_sweeps import spread_sweeps
from training.simulate.lidar.rig import Rig

_MOST = 300  # sweeps in all: neighbours in time teach little
_COMPLETE = "complete"  # a file that is there when all sweeps are
_LOOKED_AT = 5  # of each recording, to tell the sensor


class Taken(NamedTuple):
    """How clouds are read."""

    topic: str | None
    intensity_scale: float


def open_recordings(paths: Sequence[Path], taken: Taken) -> list[Source]:
    """Open all, so that what cannot be read is said before hours of work."""
    return [
        open_source(path, taken.topic, taken.intensity_scale, None, with_truth=False)
        for path in paths
    ]


def is_written(out: Path) -> bool:
    """Whether all sweeps of the recordings are in the folder."""
    return (out / _COMPLETE).exists()


def refuse_other_sensor(sources: Sequence[Source], rig: Rig) -> None:
    """Raise ``ValueError`` if recordings are clearly not of the sensor; a rig's cannot be told.

    Reads through them, for sweeps from all their parts.
    """
    if not rig.is_single:
        return
    scan = rig.sensors[0].sensor.scan
    rings = scan.rings if scan.kind == "spinning" else 0
    for source in sources:
        sweeps = spread_sweeps([source], _LOOKED_AT)
        refuse_other_rings(
            (sweep.points for sweep in sweeps), rings, rig.title, str(_path(source))
        )


def _path(source: Source) -> Path:
    return source.path if isinstance(source, RecordingSource) else source.files[0].parent


def write_own(out: Path, sources: Sequence[Source]) -> int:
    """Write sweeps of the recordings as unlabelled ``.npz``; returns how many there are."""
    if not is_written(out):
        out.mkdir(parents=True, exist_ok=True)
        total = min(_MOST, sum(source.count for source in sources))
        bar = tqdm(spread_sweeps(sources, _MOST), desc="your clouds", total=total)
        for number, sweep in enumerate(bar):
            _write_unlabelled(out / f"{number:06d}.npz", sweep)
        (out / _COMPLETE).touch()
    return len(list(out.glob("*.npz")))


def _write_unlabelled(path: Path, sweep: Sweep) -> None:
    with whole_file(path) as place, place.open("wb") as file:
        np.savez_compressed(
            file,
            labelled=np.array(False),  # LABELLED of pd_ros.recordings.label_names
            points=sweep.points[:, :4],
            boxes=np.zeros((0, 7), np.float32),
            cls=np.zeros(0, np.int8),
            num_points=np.zeros(0, np.int32),
        )
