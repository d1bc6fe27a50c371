"""Between the LiDAR frame and the camera frame that KITTI labels in, and scores across the two.

KITTI labels what the left colour camera sees, in its rectified frame. What a detector finds beside
or behind the image cannot be judged and is left out.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import shorten
from typing import NamedTuple

import numpy as np

from pd_ros.detection.types import Detections
from pd_ros.evaluation.kitti.labels import KittiObjects, read_labels
from pd_ros.evaluation.kitti.metric import CLASSES, evaluate_kitti
from pd_ros.evaluation.kitti.report import KittiReport
from pd_ros.evaluation.matching import Bools, Floats

# Width and height in pixels by P2's focal length: each recording day was rectified on its own.
_IMAGE_SIZES = {707: (1224, 370), 718: (1238, 374), 719: (1241, 376), 722: (1242, 375)}
_COMMON_IMAGE_SIZE = (1242, 375)
# Corners behind the camera are moved before it; their box then reaches the image's border.
_NEAREST_M = 0.1


class Calibration(NamedTuple):
    """Where the LiDAR and the image of camera 2 are in the rectified camera frame."""

    image_from_camera: Floats  # [3, 4], P2
    camera_from_lidar: Floats  # [4, 4], R0_rect times Tr_velo_to_cam
    size: tuple[int, int] | None = None  # of the image, where somebody said it

    @property
    def image_size(self) -> tuple[int, int]:
        """Width and height in pixels; KITTI's files do not say, but the focal length tells."""
        if self.size is not None:
            return self.size
        focal_px = round(float(self.image_from_camera[0, 0]))
        return _IMAGE_SIZES.get(focal_px, _COMMON_IMAGE_SIZE)


def read_calibration(path: Path) -> Calibration:
    """Read a calibration file of the object or tracking benchmark.

    Raises ``ValueError`` that names the file and what is missing or malformed.
    """
    rows = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, *fields = line.replace(":", " ").split() or [""]
        rows[name] = fields
    projection = _matrix(rows, path, (3, 4), "P2")
    rectify, mount = np.eye(4), np.eye(4)
    rectify[:3, :3] = _matrix(rows, path, (3, 3), "R0_rect", "R_rect")
    mount[:3] = _matrix(rows, path, (3, 4), "Tr_velo_to_cam", "Tr_velo_cam")
    camera_from_lidar = rectify @ mount
    size = float(np.linalg.det(camera_from_lidar))
    if not 0.9 < size < 1.1:
        raise ValueError(f"{path}: R0_rect, Tr_velo_to_cam: expected rotations, got matrices of"
                         f" determinant {size:.3g}; copy the file again")  # fmt: skip
    return Calibration(projection, camera_from_lidar)


def lidar_from_camera(boxes: Floats, calibration: Calibration) -> Floats:
    """Boxes ``[N, 7]`` at the camera (``KittiObjects.boxes``) -> in the LiDAR frame.

    The middle of the underside is moved exactly; the heading is kept about the LiDAR's own axis,
    as is the field's habit: the two frames differ by less than a degree besides the axes' names.
    """
    inverse = np.asarray(np.linalg.inv(_upright_from_lidar(calibration)), dtype=np.float64)
    return _moved(boxes, inverse)


def camera_from_lidar(boxes: Floats, calibration: Calibration) -> Floats:
    """Boxes ``[N, 7]`` in the LiDAR frame -> at the camera, the inverse of the above."""
    return _moved(boxes, _upright_from_lidar(calibration))


def project_boxes(boxes: Floats, calibration: Calibration) -> tuple[Floats, Bools]:
    """Image boxes ``[N, 4]`` in pixels, cut to the image, of boxes ``[N, 7]`` at the camera.

    Also says ``[N]`` whether the box's centre is seen in the image.
    """
    width, height = calibration.image_size
    corners = _project(_corners(boxes), calibration)  # [N, 8, 2]
    limit = (width - 1, height - 1)
    low, high = (np.clip(edge, 0, limit) for edge in (corners.min(axis=1), corners.max(axis=1)))
    centre = _project(boxes[:, None, :3], calibration)[:, 0]
    seen = (boxes[:, 0] > _NEAREST_M) & (centre >= 0).all(axis=1) & (centre <= limit).all(axis=1)
    return np.concatenate((low, high), axis=1), seen


def project_points(points: Floats, calibration: Calibration) -> tuple[Floats, Bools]:
    """Pixels ``[N, 2]`` of points ``[N, 3]`` in the LiDAR frame, and which lie ahead ``[N]``.

    Pixels of points that are not ahead of the camera mean nothing.
    """
    upright = _upright_from_lidar(calibration)
    camera = points @ upright[:3, :3].T + upright[:3, 3]
    return _project(camera, calibration), camera[:, 0] > _NEAREST_M


def kitti_objects(
    detections: Detections, classes: Sequence[str], calibration: Calibration
) -> KittiObjects:
    """Detections in the LiDAR frame as KITTI writes them; those outside the image are left out."""
    boxes = camera_from_lidar(detections.boxes.double().numpy(), calibration)
    image_boxes, seen = project_boxes(boxes, calibration)
    boxes, image_boxes = boxes[seen], image_boxes[seen]
    labels = detections.labels.numpy()[seen]
    unknown = np.full(len(boxes), -1.0)
    # rotation_y less the direction in which the camera sees the object.
    alpha = -boxes[:, 6] - np.pi / 2 - np.arctan2(-boxes[:, 1], boxes[:, 0])
    return KittiObjects(
        names=tuple(classes[label] for label in labels),
        truncated=unknown,
        occluded=unknown,
        alpha=(alpha + np.pi) % (2 * np.pi) - np.pi,
        image_boxes=image_boxes,
        boxes=boxes,
        scores=detections.scores.double().numpy()[seen],
    )


def score_kitti(
    detections: Mapping[str, Detections], folder: Path, classes: Sequence[str]
) -> KittiReport:
    """Score detections in the LiDAR frame against the labels of a KITTI object folder.

    ``detections``: per frame, named as the file's stem; these frames are scored. ``folder`` holds
    ``label_2`` and ``calib``; ``classes`` are the model's, of which those are scored that KITTI
    has (in any case of letters). Raises ``ValueError`` for a missing file or no common class.
    """
    named = [name for name in CLASSES if name.lower() in {own.lower() for own in classes}]
    if not named:
        raise ValueError(f"classes: expected some of {', '.join(CLASSES)}, got {list(classes)}")
    truth, found = [], []
    for frame, frame_detections in detections.items():
        truth.append(read_labels(_existing(folder / "label_2" / f"{frame}.txt")))
        calibration = read_calibration(_existing(folder / "calib" / f"{frame}.txt"))
        found.append(kitti_objects(frame_detections, classes, calibration))
    return evaluate_kitti(truth, found, named)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{path}: expected a file for this frame, found none; add it or leave"
                         " the frame's cloud out")  # fmt: skip
    return path


def _matrix(
    rows: Mapping[str, list[str]], path: Path, shape: tuple[int, int], *names: str
) -> Floats:
    fields = next((rows[name] for name in names if name in rows), None)
    if fields is None:
        got = shorten(", ".join(rows), 100) or "none"
        raise ValueError(f"{path}: expected a line {names[0]}, got {got}; copy the file again")
    try:
        matrix = np.array(fields, dtype=np.float64).reshape(shape)
        if not np.isfinite(matrix).all():
            raise ValueError
    except ValueError:
        size, got = shape[0] * shape[1], shorten(" ".join(fields), 100)
        raise ValueError(
            f"{path}: {names[0]}: expected {size} numbers, got {got}; copy the file again"
        ) from None
    return matrix


def _upright_from_lidar(calibration: Calibration) -> Floats:
    """LiDAR frame -> camera's place with the axes x forward, y left, z up: ``[4, 4]``."""
    rename = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    return np.asarray(rename @ calibration.camera_from_lidar)


def _moved(boxes: Floats, transform: Floats) -> Floats:
    moved = boxes.copy()
    half_height = boxes[:, 5] / 2
    bottom = np.stack((boxes[:, 0], boxes[:, 1], boxes[:, 2] - half_height), axis=1)
    moved[:, :3] = bottom @ transform[:3, :3].T + transform[:3, 3]
    moved[:, 2] += half_height
    return moved


def _corners(boxes: Floats) -> Floats:
    """The 8 corners ``[N, 8, 3]`` of boxes ``[N, 7]``."""
    signs = np.array([[i, j, k] for i in (-1, 1) for j in (-1, 1) for k in (-1, 1)]) / 2
    along, across, up = (signs * boxes[:, None, 3:6]).transpose(2, 0, 1)  # [N, 8] each
    cos, sin = np.cos(boxes[:, 6:7]), np.sin(boxes[:, 6:7])
    offsets = np.stack((along * cos - across * sin, along * sin + across * cos, up), axis=-1)
    corners: Floats = boxes[:, None, :3] + offsets
    return corners


def _project(points: Floats, calibration: Calibration) -> Floats:
    """Pixels ``[..., 2]`` of points ``[..., 3]`` at the camera."""
    forward = np.maximum(points[..., 0], _NEAREST_M)
    camera = np.stack((-points[..., 1], -points[..., 2], forward, np.ones_like(forward)), axis=-1)
    image = camera @ calibration.image_from_camera.T
    pixels: Floats = image[..., :2] / image[..., 2:]
    return pixels
