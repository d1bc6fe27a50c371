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
from pd_ros.evaluation.kitti.view import CameraView
from pd_ros.recordings.cloud_files import read_cloud
from pd_ros.recordings.sound_boxes import refuse_wrong_labels
from training.datasets.class_map import ClassMap
from training.datasets.file_lists import refuse_missing
from training.datasets.frame import IGNORED, Float32, Frame
from training.datasets.inside import count_inside
from training.datasets.regions import add_regions

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
        calibration = self._calibration(index)
        objects = self._objects(index)
        points = read_cloud(self._file("velodyne", index, "bin"), intensity_scale=1.0).points
        pixels, ahead = project_points(points[:, :3].astype(np.float64), calibration)
        width, height = calibration.image_size
        seen = ahead & (pixels >= 0).all(axis=1) & (pixels < (width, height)).all(axis=1)
        points, boxes = points[seen], self._boxes(objects, calibration, index)
        frame = Frame(points, boxes, self._labels_of(objects, index), count_inside(points, boxes))
        regions = objects.image_boxes[_regions(objects)]
        return add_regions(frame, CameraView(calibration, regions))

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

    def _calibration(self, index: int) -> Calibration:
        """With the size of the frame's picture, where there is one."""
        calibration = read_calibration(self._file("calib", index, "txt"))
        picture = self._file("image_2", index, "png")
        size = _png_size(picture) if picture.is_file() else None
        return calibration._replace(size=size)

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
