"""Ground truth beside a recording or a folder of clouds: where it is, and what it becomes."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pd_ros.detection.boxes import points_in_boxes
from pd_ros.evaluation.kitti.camera import Calibration, lidar_from_camera, read_calibration
from pd_ros.evaluation.kitti.labels import REGION, label_lines, read_labels
from pd_ros.evaluation.kitti.view import CameraView
from pd_ros.evaluation.lidar import MIN_POINTS, GroundTruth, centre_in_range
from pd_ros.pointcloud.decode import Float32
from pd_ros.recordings.detections import NamedBoxes
from pd_ros.recordings.sound_boxes import refuse_wrong_labels

# More than float32 rounds off at any distance that a lidar sees.
_SLACK_M = 0.01


class CameraTruth(NamedTuple):
    """Labels of a folder of sweeps that cover only what a camera sees (KITTI raw)."""

    path: Path
    frames: dict[str, NamedBoxes]
    calibration: Calibration | None  # None: the labels cover all around

    def of_frame(self, frame: str) -> NamedBoxes:
        """Return the labels of one frame; ``ValueError`` if the file does not have it."""
        if frame not in self.frames:
            raise ValueError(f"{self.path}: expected labels of frame {frame}, found none;"
                             " add them, or leave the frame's cloud out")  # fmt: skip
        return self.frames[frame]


def read_label_folder(folder: Path, frame: str) -> NamedBoxes:
    """Labels of one frame of a KITTI object folder (``label_2``, ``calib``), in the LiDAR frame.

    Without regions, see :func:`read_label_view`; difficulties are left to :func:`score_kitti`.
    Raises ``ValueError`` that names a missing or malformed file.
    """
    for part in ("label_2", "calib"):
        path = folder / part / f"{frame}.txt"
        if not path.is_file():
            raise ValueError(f"{path}: expected a file for the cloud of this frame, found none;"
                             " add it, or replay with --no-labels")  # fmt: skip
    objects = read_labels(folder / "label_2" / f"{frame}.txt")
    calibration = read_calibration(folder / "calib" / f"{frame}.txt")
    rows = [i for i, name in enumerate(objects.names) if name.lower() != REGION]
    boxes = lidar_from_camera(objects.boxes[rows], calibration)
    lines = label_lines(folder / "label_2" / f"{frame}.txt")
    labels = _named(boxes, [objects.names[i] for i in rows])
    refuse_wrong_labels(labels.boxes, lambda i: lines[rows[i]])
    return labels


def read_label_view(folder: Path, frame: str) -> CameraView:
    """What the labels of one frame of a KITTI object folder cover: image and DontCare regions."""
    objects = read_labels(folder / "label_2" / f"{frame}.txt")
    rows = [i for i, name in enumerate(objects.names) if name.lower() == REGION]
    calibration = read_calibration(folder / "calib" / f"{frame}.txt")
    return CameraView(calibration, objects.image_boxes[rows])


def read_objects_file(path: Path) -> CameraTruth:
    """Read ``objects.json``: ``{"frames": {frame: {"objects": [{type, box_xyz_lwh_yaw}]}}}``.

    Boxes are in the LiDAR frame. With ``calib_object_style.txt`` beside it, the labels cover only
    what the camera sees. Raises ``ValueError`` for a file of another layout.
    """
    try:
        frames = {
            frame: _named(
                [row["box_xyz_lwh_yaw"] for row in content["objects"]],
                [str(row["type"]) for row in content["objects"]],
            )
            for frame, content in json.loads(path.read_text(encoding="utf-8-sig"))[
                "frames"
            ].items()
        }
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path}: expected frames with objects of type and box_xyz_lwh_yaw, got {error!r};"
            " correct the file, or replay with --no-labels"
        ) from error
    for frame, labels in frames.items():
        refuse_wrong_labels(labels.boxes, partial("{}: frame {}, object {}".format, path, frame))
    calibration = path.parent / "calib_object_style.txt"
    camera = read_calibration(calibration) if calibration.is_file() else None
    return CameraTruth(path, frames, camera)


def ground_truth(
    boxes: NamedBoxes, points: Float32, classes: Sequence[str], range_m: Sequence[float]
) -> GroundTruth:
    """Named boxes as the evaluation takes them; ``classes`` are the model's, in any case.

    Objects of other names absorb detections (label -1); objects with fewer than ``MIN_POINTS``
    points of the cloud ``[N, 3+]`` in them, or with their centre out of the model's range, are
    not asked for.
    """
    index = {name.lower(): number for number, name in enumerate(classes)}
    labels = [index.get(name.lower(), -1) for name in boxes.names]
    boxes_tensor = torch.from_numpy(boxes.boxes)
    hidden = _count_inside(torch.from_numpy(points), boxes_tensor) < MIN_POINTS
    ignore = hidden | ~centre_in_range(boxes_tensor, range_m)
    return GroundTruth(boxes_tensor, torch.tensor(labels, dtype=torch.int64), ignore)


def _count_inside(points: Tensor, boxes: Tensor) -> Tensor:
    """Count the points ``[N, 3+]`` in each box ``[M, 7]``: ``[M]``.

    Each box looks only at the points that its circle can reach along x.
    """
    rising = points[points[:, 0].argsort()]
    reach_m = boxes[:, 3:5].norm(dim=1) / 2 + _SLACK_M
    starts = torch.searchsorted(rising[:, 0].contiguous(), boxes[:, 0] - reach_m).tolist()
    ends = torch.searchsorted(rising[:, 0].contiguous(), boxes[:, 0] + reach_m).tolist()
    counts = [
        points_in_boxes(rising[start:end], box[None]).sum()
        for box, start, end in zip(boxes, starts, ends, strict=True)
    ]
    return torch.stack(counts) if counts else torch.zeros(0, dtype=torch.int64)


def _named(boxes: object, names: Sequence[str]) -> NamedBoxes:
    array = np.asarray(boxes, dtype=np.float32).reshape(len(names), 7)
    return NamedBoxes(array, tuple(names), np.ones(len(array), np.float32))
