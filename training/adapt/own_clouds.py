"""The user's own recordings: sweeps without labels, and what they say about the sensor."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from pd_ros.process.unfinished import whole_file
from pd_ros.recordings.sources import Source, Sweep, open_source

_MOST = 300  # sweeps in all: neighbours in time teach little


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


def spread_sweeps(sources: Sequence[Source], most: int) -> Iterator[Sweep]:
    """Up to ``most`` sweeps, evenly over all recordings."""
    total = sum(source.count for source in sources)
    step = max(total / max(most, 1), 1.0)
    seen, wanted = 0, 0.0
    for source in sources:
        for sweep in source.sweeps():
            if seen >= wanted:
                wanted += step
                yield sweep
            seen += 1


def write_own(out: Path, sources: Sequence[Source]) -> int:
    """Write sweeps of the recordings as unlabelled ``.npz``; returns how many there are."""
    done = out / "complete"
    if not done.exists():
        out.mkdir(parents=True, exist_ok=True)
        total = min(_MOST, sum(source.count for source in sources))
        bar = tqdm(spread_sweeps(sources, _MOST), desc="your clouds", total=total)
        for number, sweep in enumerate(bar):
            _write_unlabelled(out / f"{number:06d}.npz", sweep)
        done.touch()
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
