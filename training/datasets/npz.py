"""Folders of ``.npz`` sweeps: the simulator's, and real ones in the same format."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pd_ros.evaluation.kitti.view import CameraView
from pd_ros.recordings.cloud_files import NPZ_ERRORS, zip_of_arrays
from pd_ros.recordings.label_names import CLASSES, LABELLED, class_numbers
from pd_ros.recordings.npz_view import read_npz_view
from pd_ros.recordings.sound_boxes import refuse_wrong_labels
from training.datasets.class_map import ClassMap
from training.datasets.frame import IGNORED, Float32, Frame, without_labels
from training.datasets.regions import add_regions

# Class numbers of the files in the order of these names; any other number is any other object.
FILE_CLASSES = CLASSES


class NpzFrames:
    """The sweeps of a folder by name, or those given; ``ValueError`` if there are none.

    ``labelled`` False: nobody said what is in them, whatever boxes the files hold.
    ``teacher_points``: they also hold what a teacher sees of the same scenes.
    """

    def __init__(
        self,
        folder: Path,
        class_map: ClassMap,
        files: Sequence[Path] | None = None,
        labelled: bool = True,
        teacher_points: bool = False,
    ) -> None:
        self._files = sorted(folder.glob("*.npz")) if files is None else list(files)
        self._labels = tuple(class_map.label(name, str(folder)) for name in FILE_CLASSES)
        self._labelled = labelled
        self._teacher_points = teacher_points
        if not self._files:
            raise ValueError(
                f"{folder}: expected .npz sweeps, found none; check the path, or write some"
                " with: python -m training.simulate frames"
            )

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Frame:
        path = self._files[index]
        frame = read_frame(path, self._labels, self._labelled)
        if not self._teacher_points:
            return frame
        return frame._replace(teacher_points=_read_points(path, "teacher_points"))

    def name(self, index: int) -> str:
        """The file."""
        return str(self._files[index])

    def labels(self, index: int) -> NDArray[np.int64]:
        """Labels of the boxes; the points stay packed."""
        if not self._labelled:
            return np.array([IGNORED], dtype=np.int64)
        (numbers,), _ = _read_arrays(self._files[index], ("cls",))
        return _to_labels(self._files[index], numbers, self._labels)


def read_frame(
    path: Path,
    labels: Sequence[int] = (IGNORED,) * len(FILE_CLASSES),
    with_labels: bool = True,
) -> Frame:
    """Read one ``.npz`` sweep; ``labels`` are those of ``FILE_CLASSES`` in their order.

    ``with_labels`` False: nobody said what is in it, whatever boxes it holds. Raises
    ``ValueError`` that names the file for one that is missing, damaged or not a sweep.
    """
    names = ("points", "boxes", "cls", "num_points", LABELLED)
    (points, boxes, numbers, num_points, labelled), view = _read_arrays(path, names)
    points = _to_points(path, "points", points)
    if not (labelled and with_labels):
        return without_labels(points)
    count = numbers.size
    _check_shape(path, "boxes", boxes, (count, 7))
    _check_shape(path, "num_points", num_points.ravel(), (count,))
    boxes = boxes.astype(np.float32)
    refuse_wrong_labels(boxes, lambda index: f"{path}: box {index}")
    frame = Frame(
        points,
        boxes,
        _to_labels(path, numbers, labels),
        num_points.ravel().astype(np.int64),
    )
    return frame if view is None else add_regions(frame, view)


def _read_points(path: Path, name: str) -> Float32:
    (points,), _ = _read_arrays(path, (name,))
    return _to_points(path, name, points)


def _to_points(path: Path, name: str, points: NDArray[Any]) -> Float32:
    _check_shape(path, name, points, (len(points) if points.ndim else 0, 4))
    return points.astype(np.float32)


def _check_shape(path: Path, name: str, values: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Raise ``ValueError`` for an array of another shape, or of no real numbers."""
    if values.shape != shape or values.dtype.kind not in "fiu":
        raise ValueError(
            f"{path}: {name}: expected numbers {list(shape)}, got {values.dtype}"
            f" {list(values.shape)}; write the sweep again"
        )


def _read_arrays(path: Path, names: tuple[str, ...]) -> tuple[list[np.ndarray], CameraView | None]:
    try:
        # Opened here, because numpy leaves a damaged file open.
        with path.open("rb") as raw, zip_of_arrays(np.load(raw, allow_pickle=False)) as file:
            whole = np.array(True)  # files say only where nobody labelled them
            arrays = [
                whole if name == LABELLED and name not in file else file[name] for name in names
            ]
            return arrays, read_npz_view(file)
    except NPZ_ERRORS as error:
        raise ValueError(
            f"{path}: expected a labelled sweep (.npz with points, boxes, cls, num_points),"
            f" got {error}; write it again or take it out of the folder"
        ) from None


def _to_labels(path: Path, column: np.ndarray, labels: Sequence[int]) -> NDArray[np.int64]:
    try:
        numbers = class_numbers(column)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; write the sweep again") from None
    found: NDArray[np.int64] = np.array([*labels, IGNORED], dtype=np.int64)[numbers]
    return found
