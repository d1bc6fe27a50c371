"""Right, wrong and missed of each sweep at fixed scores: what an AP of resampled sweeps needs."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd_ros.evaluation.lidar import class_frames, default_iou, frame_overlaps, loose_iou
from pd_ros.evaluation.matching import CurveTally, MatchFrame
from pd_ros.process.unfinished import whole_file
from training.evaluate.scoring import ScoredSweeps

# [F, 3, T]: true positives, false positives and missed objects of F sweeps at T scores, T at most
# 41 and 0 where nothing was found.
FrameCounts = NDArray[np.int32]
_FILE = "frames.npz"
_SLOTS = 40


class Measure(NamedTuple):
    """How boxes have to overlap: seen from above or in 3D, and how much."""

    view: str  # bev or 3d
    overlap: str  # strict or loose

    @property
    def name(self) -> str:
        """As results and columns have it."""
        return f"{self.view}_{self.overlap}"


MEASURES = tuple(Measure(view, o) for view in ("bev", "3d") for o in ("strict", "loose"))


def count_frames(sweeps: ScoredSweeps, name: str, label: int = 0) -> dict[str, FrameCounts]:
    """Count each sweep for one class, by the names of the measures.

    ``name``: of the class; ``label``: its number. The scores are those of the class's curve over
    all of the sweeps, at which they are counted by the same rule.
    """
    overlaps = frame_overlaps(sweeps.truth, sweeps.found)
    frames = dict(
        zip(("bev", "3d"), class_frames(sweeps.truth, sweeps.found, overlaps, label), strict=True)
    )
    ious = {"strict": default_iou([name])[name], "loose": loose_iou([name])[name]}
    return {each.name: _count_each(frames[each.view], ious[each.overlap]) for each in MEASURES}


def _count_each(frames: list[MatchFrame], min_iou: float) -> FrameCounts:
    tally = CurveTally(min_iou)
    tally.find(frames)
    sums = []
    for frame in frames:
        tally.count([frame])
        counts = tally.curve.counts
        sums.append(np.stack((counts.true_positives, counts.false_positives, counts.missed)))
    if not sums:
        return np.zeros((0, 3, 0), np.int32)
    return np.diff(np.stack(sums), axis=0, prepend=0).astype(np.int32)


def average_precision(counts: FrameCounts, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """AP over 40 recalls in percent of sweeps that come ``weights`` ``[B, F]`` times: ``[B]``.

    A recall of k/40 is reached by half a step less; with all weights 1 this is within a point or
    so of KITTI's own rule, which goes by the order of the scores.
    """
    if not counts.shape[2]:
        return np.zeros(len(weights))
    right, wrong, missed = np.einsum("bf,fct->cbt", weights, counts.astype(np.float64))
    precision = right / np.maximum(right + wrong, 1e-9)
    recall = right / np.maximum(right + missed, 1e-9)
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    wanted = (np.arange(1, _SLOTS + 1) - 0.5) / _SLOTS
    # Scores fall along T and recall grows: the first place that reaches a recall has its best.
    place = (recall[:, None, :] < wanted[None, :, None]).sum(axis=2)  # [B, 40]
    padded = np.pad(best, ((0, 0), (0, 1)))
    mean: NDArray[np.float64] = np.take_along_axis(padded, place, axis=1).mean(axis=1)
    return 100 * mean


def write_counts(folder: Path, counts: dict[str, dict[str, FrameCounts]]) -> None:
    """Write the counts of each source into a job's folder, whole or not at all."""
    arrays: dict[str, Any] = {f"{source}/{name}": each for source, all_ in counts.items()
                              for name, each in all_.items()}  # fmt: skip
    with whole_file(folder / _FILE) as place, place.open("wb") as file:
        np.savez_compressed(file, **arrays)


def has_counts(folder: Path) -> bool:
    """Whether a job has left its counts."""
    return (folder / _FILE).exists()


def read_counts(folder: Path, source: str, measure: str) -> FrameCounts:
    """Read the counts of a source that a job has left."""
    with np.load(folder / _FILE, allow_pickle=False) as file:
        found: FrameCounts = file[f"{source}/{measure}"]
    return found
