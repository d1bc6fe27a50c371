"""Boxes of a recording in a file, written cloud by cloud and read in parts of many clouds.

Scores need all of them twice, and in memory an hour of them is many gigabytes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from pd_ros.detection.types import Detections
from pd_ros.evaluation.lidar import GroundTruth

# An object or a box found, as the types have them: nothing is rounded.
_ROW = np.dtype([("box", "<f4", 7), ("score", "<f4"), ("label", "<i2"), ("ignore", "?")])
_CLOUDS = 256  # in a part

Rows = NDArray[np.void]


class LabelledPart(NamedTuple):
    """Consecutive clouds: what is there, and what each of the models found."""

    truth: list[GroundTruth]
    found: list[list[Detections]]  # by model, then cloud


class BoxWriter:
    """Writes the boxes of measured clouds to a new file, in place of one that is there."""

    def __init__(self, path: Path, models: int) -> None:
        self._columns = 1 + models
        self._file = path.open("wb")
        self._counts: list[list[int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, truth: GroundTruth, found: Sequence[Detections]) -> None:
        """Write one cloud: objects, then the boxes of each model."""
        objects = _rows(truth.boxes, torch.ones(len(truth.labels)), truth.labels)
        objects["ignore"] = truth.ignore.numpy()
        parts = [objects, *(_rows(each.boxes, each.scores, each.labels) for each in found)]
        self._counts.append([len(part) for part in parts])
        for part in parts:
            part.tofile(self._file)

    def counts(self) -> NDArray[np.uint32]:
        """How many objects, then boxes of each model, each cloud has: ``[F, 1 + models]``."""
        return np.array(self._counts, np.uint32).reshape(-1, self._columns)


def read_boxes(path: Path, counts: NDArray[np.uint32]) -> Iterator[LabelledPart]:
    """Read what a :class:`BoxWriter` wrote, some hundred clouds at a time."""
    with path.open("rb") as file:
        for start in range(0, len(counts), _CLOUDS):
            part = counts[start : start + _CLOUDS]
            rows = np.fromfile(file, _ROW, int(part.sum()))
            yield _split(rows, part)


def _split(rows: Rows, counts: NDArray[np.uint32]) -> LabelledPart:
    pieces = np.split(rows, np.cumsum(counts.ravel())[:-1])
    truth = [_truth(piece) for piece in pieces[:: counts.shape[1]]]
    models = range(1, counts.shape[1])
    found = [[_found(piece) for piece in pieces[n :: counts.shape[1]]] for n in models]
    return LabelledPart(truth, found)


def _rows(boxes: torch.Tensor, scores: torch.Tensor, labels: torch.Tensor) -> Rows:
    rows = np.zeros(len(labels), _ROW)
    rows["box"], rows["score"], rows["label"] = boxes.numpy(), scores.numpy(), labels.numpy()
    return rows


def _truth(rows: Rows) -> GroundTruth:
    return GroundTruth(
        torch.from_numpy(rows["box"].copy()),
        torch.from_numpy(rows["label"].astype(np.int64)),
        torch.from_numpy(rows["ignore"].copy()),
    )


def _found(rows: Rows) -> Detections:
    return Detections(
        torch.from_numpy(rows["box"].copy()),
        torch.from_numpy(rows["score"].copy()),
        torch.from_numpy(rows["label"].astype(np.int64)),
    )
