"""One labelled sweep, and the ``.npz`` files that hold simulated and real ones alike."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
IGNORED = -1  # a real object of no class of ours: neither object nor background


class Frame(NamedTuple):
    """A sweep with its boxes; frame and box contract of ``pd_ros.detection.types``.

    Labels index the class names; ``IGNORED`` marks what must be neither learnt nor counted.
    """

    points: Float32  # [N, 4] x, y, z in m, intensity in [0, 1]
    boxes: Float32  # [M, 7]
    labels: NDArray[np.int64]  # [M]
    num_points: NDArray[np.int64]  # [M] points inside each box


# Class numbers of the files (README of the corpus) in the order of these names.
FILE_CLASSES = ("car", "pedestrian", "cyclist")


def read_frame(path: Path, classes: tuple[str, ...], z_shift_m: float = 0.0) -> Frame:
    """Read one ``.npz`` sweep; classes that the model does not know become ``IGNORED``.

    ``z_shift_m`` is added to points and boxes, to bring another mounting height to the model's.
    Raises ``ValueError`` that names the file for one that is missing, damaged or not a sweep.
    """
    try:
        # Opened here, because numpy leaves a damaged file open.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            points, boxes = file["points"], file["boxes"]
            file_class, num_points = file["cls"], file["num_points"]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: expected a labelled sweep (.npz with points, boxes, cls, num_points),"
            f" got {error}; write it again or take it out of the folder"
        ) from None
    shift = np.array([0, 0, z_shift_m, 0], dtype=np.float32)
    number = [classes.index(name) if name in classes else IGNORED for name in FILE_CLASSES]
    labels = np.array([*number, IGNORED], dtype=np.int64)[file_class]
    return Frame(
        (points + shift).astype(np.float32),
        (boxes.reshape(-1, 7) + np.pad(shift, (0, 3))).astype(np.float32),
        labels,
        num_points.astype(np.int64),
    )
