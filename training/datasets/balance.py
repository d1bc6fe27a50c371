"""Chances of frames: rare classes as often as common ones, or short drives beside long ones."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.datasets.frame import Frames


def class_balanced_weights(frames: Frames, num_classes: int) -> NDArray[np.float64]:
    """Chance ``[N]`` of each frame to be drawn, 1 in all (CBGS, Zhu et al. 2019, section 3.2).

    Each class that occurs gets the same share, and shares it out equally among the frames it is
    in: a frame with several classes gets a part of each, one without any is never drawn. Raises
    ``ValueError`` if no frame has a box of any class.
    """
    present = np.zeros((len(frames), num_classes), dtype=np.float64)
    for i in range(len(frames)):
        labels = frames.labels(i)
        present[i, labels[labels >= 0]] = 1
    per_class = present.sum(axis=0)
    occurring = per_class > 0
    if not occurring.any():
        raise ValueError(
            f"{frames.name(0)} and the {len(frames) - 1} others: expected boxes to balance by"
            " class, found none; remove balance, or correct class_map"
        )
    chances = present[:, occurring] / per_class[occurring] / occurring.sum()
    weights: NDArray[np.float64] = chances.sum(axis=1)
    return weights


def drive_weights(drives: Sequence[str]) -> NDArray[np.float64]:
    """Chance ``[N]`` of each frame to be drawn, 1 in all, from the drive of each (N at least 1).

    A drive counts by the square root of its frames: of 144 like frames of one street each is worth
    less than the only one of another, which is not learnt by heart, either.
    """
    counts = Counter(drives)
    chances = np.array([counts[drive] ** -0.5 for drive in drives])
    weights: NDArray[np.float64] = chances / chances.sum()
    return weights
