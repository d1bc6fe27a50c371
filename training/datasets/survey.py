"""Survey a data set: read every sweep, count its objects, find what is wrong with it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tqdm import tqdm

from training.config.run import SourceConfig
from training.datasets.frame import Frame, Frames
from training.datasets.inside import count_inside
from training.datasets.source import open_source

RANGES_M = (0.0, 20.0, 40.0, 60.0, np.inf)  # distance of a box's centre from above
_ROUNDING = 1e-3


class Survey(NamedTuple):
    """What was found in one source."""

    source: SourceConfig
    frames: Frames | None  # None: it cannot be opened
    inspected: tuple[int, ...]  # indices of the sweeps that could be read
    points: int  # in all of them
    # Per class, with all ignored boxes last, and range: boxes, points in them, boxes without any.
    counts: NDArray[np.int64]  # [K + 1, R, 3]
    problems: tuple[str, ...]  # what has to be mended
    notes: tuple[str, ...]  # what one should know


def survey_source(
    source: SourceConfig,
    classes: Sequence[str],
    features: Sequence[str],
    most: int | None,
    rng: Generator,
) -> Survey:
    """Read a source's sweeps as a model would get them; what cannot be read is a problem.

    ``most``: so many of them, drawn at random; None: all.
    """
    counts = np.zeros((len(classes) + 1, len(RANGES_M) - 1, 3), dtype=np.int64)
    try:
        frames = open_source(source, classes, features, as_read=True)
    except ValueError as error:
        return Survey(source, None, (), 0, counts, (str(error),), ())
    problems: list[str] = []
    inspected, points = [], 0
    wanted = np.arange(len(frames))
    if most is not None:
        wanted = np.sort(rng.choice(wanted, size=min(most, len(wanted)), replace=False))
    for i in tqdm(
        wanted.tolist(), desc=f"inspect {source.folder.name}", unit="sweep", leave=False
    ):
        try:
            frame = frames[i]
        except ValueError as error:
            problems.append(str(error))
            continue
        problems += [f"{frames.name(i)}: {text}" for text in frame_problems(frame, features)]
        inspected.append(i)
        points += len(frame.points)
        _count(counts, frame)
    empty, notes = _judge(counts, classes)
    return Survey(
        source, frames, tuple(inspected), points, counts, (*problems, *empty), tuple(notes)
    )


def frame_problems(frame: Frame, features: Sequence[str]) -> list[str]:
    """Say what is wrong with a sweep's points, one line each; readers refuse wrong boxes."""
    problems = []
    if not len(frame.points):
        problems.append("points: expected some, got none; take the sweep out")
    broken = int((~np.isfinite(frame.points)).any(axis=1).sum())
    if broken:
        problems.append(f"points: expected finite numbers, {broken} of {len(frame.points)} points"
                        " have others; leave these out when writing it")  # fmt: skip
    if "intensity" in features:
        values = frame.points[:, 3 + list(features).index("intensity")]
        low, high = np.nanmin(values, initial=0.0), np.nanmax(values, initial=0.0)
        if low < -_ROUNDING or high > 1 + _ROUNDING:
            problems.append(f"intensity: expected values in [0, 1], got {low:g} to {high:g}; scale"
                            " them")  # fmt: skip
    return problems


def _count(counts: NDArray[np.int64], frame: Frame) -> None:
    within = count_inside(frame.points, frame.boxes)
    distance = np.hypot(frame.boxes[:, 0], frame.boxes[:, 1])
    ring = np.digitize(distance, RANGES_M[1:-1])
    # IGNORED is -1, the last row.
    row = np.stack((np.ones_like(within), within, (within == 0).astype(np.int64)), axis=1)
    np.add.at(counts, (frame.labels, ring), row)


def _judge(counts: NDArray[np.int64], classes: Sequence[str]) -> tuple[list[str], list[str]]:
    """Problems and notes about the boxes to be learnt, all sweeps together."""
    problems, notes = [], []
    boxes, _, empty = counts[:-1].sum(axis=(0, 1)).tolist()
    if empty * 2 > boxes:
        problems.append(f"boxes: expected points in most of them, {empty} of {boxes} hold none;"
                        " clouds and labels are not in the same frame")  # fmt: skip
    elif empty:
        notes.append(f"{empty} of {boxes} boxes hold no points; training ignores them")
    per_class = counts[:-1, :, 0].sum(axis=1)
    absent = [name for name, number in zip(classes, per_class, strict=True) if not number]
    if absent:
        notes.append(f"no boxes of {', '.join(absent)}")
    return problems, notes
