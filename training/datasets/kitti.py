"""The KITTI object benchmark in its standard folders.

``path`` holds ``training`` with ``velodyne/*.bin``, ``label_2/*.txt`` and ``calib/*.txt``. Where
there are pictures, ``image_2/*.png``, their size is read from them. ``split`` names a list of
frames, ``ImageSets/SPLIT.txt``; without it every cloud is read. Planes are not needed: the ground
under pasted objects is found in the points.

Only what the left colour camera sees is labelled, hence points outside its image are left out.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pd_ros.evaluation.kitti.camera import (
    Calibration,
    lidar_from_camera,
    project_points,
    read_calibration,
)
from pd_ros.evaluation.kitti.labels import REGION, KittiObjects, label_lines, read_labels
from pd_ros.evaluation.kitti.metric import difficulties
from pd_ros.evaluation.kitti.report import DIFFICULTIES
from pd_ros.evaluation.matching import Floats
from pd_ros.recordings.cloud_files import read_cloud
from pd_ros.recordings.sound_boxes import refuse_wrong_labels
from training.datasets.checks import refuse_missing
from training.datasets.class_map import ClassMap
from training.datasets.frame import IGNORED, Float32, Frame
from training.datasets.inside import count_inside

# A van is no car and a sitting person no pedestrian: KITTI neither asks for them nor minds them.
KITTI_CLASSES = {
    "Car": "car",
    "Van": "van",
    "Truck": "truck",
    "Tram": "tram",
    "Pedestrian": "pedestrian",
    "Person_sitting": None,
    "Cyclist": "cyclist",
    "Misc": None,
}
_PNG_HEAD = 24  # bytes up to and with width and height


class KittiFrames:
    """Frames by name; see the module. Boxes are in the LiDAR frame.

    Regions that nobody labelled (DontCare) become ignored boxes around their points, after the
    labelled ones. ``hardest``: objects beyond this difficulty are ignored, too.
    """

    def __init__(
        self, path: Path, class_map: ClassMap, split: str | None = None, hardest: str | None = None
    ) -> None:
        self._folder = path / "training"
        self._class_map = class_map
        self._hardest = DIFFICULTIES.index(hardest) if hardest else len(DIFFICULTIES)
        listed = path / "ImageSets" / f"{split}.txt"
        self._frames = _read_split(listed) if split else _all_frames(self._folder / "velodyne")
        kinds = {"velodyne": "bin", "label_2": "txt", "calib": "txt"}
        files = [self._file(kind, i, end) for i in range(len(self)) for kind, end in kinds.items()]
        refuse_missing(files, str(listed if split else self._folder))

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Frame:
        calibration = read_calibration(self._file("calib", index, "txt"))
        objects = self._objects(index)
        points = read_cloud(self._file("velodyne", index, "bin"), intensity_scale=1.0).points
        pixels, ahead = project_points(points[:, :3].astype(np.float64), calibration)
        width, height = self._image_size(index, calibration)
        seen = ahead & (pixels >= 0).all(axis=1) & (pixels < (width, height)).all(axis=1)
        points, pixels = points[seen], pixels[seen]
        boxes = self._boxes(objects, calibration, index)
        unlabelled = region_boxes(points, pixels, objects.image_boxes[_regions(objects)])
        labels = self._labels_of(objects, index)
        labels = np.concatenate((labels, np.full(len(unlabelled), IGNORED, dtype=np.int64)))
        boxes = np.concatenate((boxes, unlabelled))
        return Frame(points, boxes, labels, count_inside(points, boxes))

    def name(self, index: int) -> str:
        """The label file, in which most mistakes are."""
        return str(self._file("label_2", index, "txt"))

    def labels(self, index: int) -> NDArray[np.int64]:
        """Labels of the boxes, without those of unlabelled regions."""
        return self._labels_of(self._objects(index), index)

    def _file(self, kind: str, index: int, end: str) -> Path:
        return self._folder / kind / f"{self._frames[index]}.{end}"

    def _objects(self, index: int) -> KittiObjects:
        return read_labels(self._file("label_2", index, "txt"))

    def _image_size(self, index: int, calibration: Calibration) -> tuple[int, int]:
        picture = self._file("image_2", index, "png")
        return _png_size(picture) if picture.is_file() else calibration.image_size

    def _boxes(self, objects: KittiObjects, calibration: Calibration, index: int) -> Float32:
        rows = np.flatnonzero(~_regions(objects))
        boxes = lidar_from_camera(objects.boxes[rows], calibration).astype(np.float32)
        where = label_lines(self._file("label_2", index, "txt"))
        refuse_wrong_labels(boxes, lambda i: where[rows[i]])
        return boxes

    def _labels_of(self, objects: KittiObjects, index: int) -> NDArray[np.int64]:
        rows = np.flatnonzero(~_regions(objects))
        where = label_lines(self._file("label_2", index, "txt"))
        labels = [self._class_map.label(objects.names[row], where[row]) for row in rows]
        beyond = difficulties(objects)[rows] > self._hardest
        return np.where(beyond, IGNORED, np.array(labels, dtype=np.int64))


def _regions(objects: KittiObjects) -> NDArray[np.bool_]:
    return np.array([name.lower() == REGION for name in objects.names], dtype=bool)


def _all_frames(clouds: Path) -> list[str]:
    frames = sorted(path.stem for path in clouds.glob("*.bin"))
    if not frames:
        raise ValueError(f"{clouds}: expected KITTI's clouds (*.bin), found none; give the folder"
                         " that holds training/velodyne")  # fmt: skip
    return frames


def _read_split(path: Path) -> list[str]:
    if not path.is_file():
        known = ", ".join(sorted(other.stem for other in path.parent.glob("*.txt"))) or "none"
        raise ValueError(f"{path}: expected a list of frames, found no such file (lists there:"
                         f" {known}); add it, or leave split out to read every frame")  # fmt: skip
    frames = path.read_text(encoding="utf-8", errors="replace").split()
    if not frames:
        raise ValueError(f"{path}: expected names of frames, one a line, got none; copy it again")
    return frames


def _png_size(path: Path) -> tuple[int, int]:
    """Width and height in pixels, from the first chunk of the file (PNG section 11.2.2)."""
    with path.open("rb") as file:
        head = file.read(_PNG_HEAD)
    if len(head) < _PNG_HEAD or head[:4] != b"\x89PNG" or head[12:16] != b"IHDR":
        raise ValueError(f"{path}: expected a PNG picture, got other bytes; copy it again, or take"
                         " it out")  # fmt: skip
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


_STEP_M = 8.0  # depth of a box: shorter ones follow the ray's wedge more closely
_MIN_SIZE_M = 0.5


def region_boxes(points: Float32, pixels: Floats, regions: Floats) -> Float32:
    """Boxes ``[K, 7]`` in the LiDAR frame around what lies in the regions; K may be 0.

    ``points`` ``[N, 3+]`` in the LiDAR frame project to ``pixels`` ``[N, 2]``; ``regions``
    ``[R, 4]`` are x1, y1, x2, y2 in pixels.
    """
    boxes = []
    for region in regions:
        within = (pixels >= region[:2]).all(axis=1) & (pixels <= region[2:]).all(axis=1)
        boxes += _boxes_along_ray(points[within, :3].astype(np.float64))
    return np.array(boxes, dtype=np.float32).reshape(-1, 7)


def _boxes_along_ray(points: Floats) -> list[Floats]:
    """Boxes turned along the ray through the middle of some points ``[N, 3]``."""
    if not len(points):
        return []
    middle = points.mean(axis=0)
    yaw = float(np.arctan2(middle[1], middle[0]))
    along = points[:, :2] @ np.array([np.cos(yaw), np.sin(yaw)])
    step = (along // _STEP_M).astype(np.int64)
    return [_box_around(points[step == number], yaw) for number in np.unique(step)]


def _box_around(points: Floats, yaw: float) -> Floats:
    cos, sin = np.cos(yaw), np.sin(yaw)
    turned = points @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])  # along, across, up
    low, high = turned.min(axis=0), turned.max(axis=0)
    x, y, z = (low + high) / 2
    size = np.maximum(high - low, _MIN_SIZE_M)
    return np.array([x * cos - y * sin, x * sin + y * cos, z, *size, yaw])
