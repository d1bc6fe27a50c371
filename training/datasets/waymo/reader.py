"""The Waymo Open Dataset v2: parquet files, read without TensorFlow.

``path`` holds a folder for each split (training, validation), and in it one for each component
with a file for each segment: ``lidar``, ``lidar_calibration`` and ``lidar_box``. Where there is
``lidar_pose`` (with ``vehicle_pose``), points of the LiDAR on the roof are brought to the frame's
moment; without it they are off by what the vehicle moved during the turn.

All five LiDARs and both returns make one cloud in the vehicle's frame, whose origin is on the
ground: a sensor's height has to be taken from z by ``z_shift_m`` where a model wants that.
Points in zones that nobody labelled are left out. Intensities have no upper bound: their
hyperbolic tangent is taken, as is the field's habit.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pd_ros.recordings.sound_boxes import refuse_wrong_labels
from training.datasets.class_map import ClassMap
from training.datasets.file_lists import refuse_missing
from training.datasets.frame import Float32, Frame
from training.datasets.inside import count_inside
from training.datasets.waymo.points import beam_inclinations, range_image_points, to_frame_time
from training.datasets.waymo.tables import (
    LASER,
    TOP,
    Beams,
    Boxes,
    Float64,
    frame_times,
    read_beams,
    read_boxes,
    read_range_images,
    read_top_poses,
    read_vehicle_pose,
)

# In the order of the data set's numbers.
_TYPES = ("unknown", "vehicle", "pedestrian", "sign", "cyclist")
WAYMO_CLASSES = {**{name: name for name in _TYPES}, "unknown": None, "sign": None}
_NEEDED = ("lidar", "lidar_calibration", "lidar_box")
_POSES = ("lidar_pose", "vehicle_pose")


class Motion(NamedTuple):
    """Where the vehicle was in the world while a LiDAR turned, and at the frame's moment."""

    pixel_poses: Float32  # [H, W, 6] roll, pitch, yaw, x, y, z
    world_from_vehicle: Float64  # [4, 4]


class WaymoFrames:
    """Frames by segment and time; see the module. Points are x, y, z, intensity, elongation."""

    def __init__(self, path: Path, class_map: ClassMap, split: str | None = None) -> None:
        self._folder = path if split is None else path / split
        self._class_map = class_map
        self._has_poses = (self._folder / _POSES[0]).is_dir()
        self._segments = _segments(self._folder, _NEEDED + _POSES * self._has_poses)
        times = [frame_times(self._file("lidar", i)) for i in range(len(self._segments))]
        self._frames = [(i, int(time)) for i, segment in enumerate(times) for time in segment]
        self._last: tuple[int, Boxes] | None = None  # most readers stay in a segment

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, index: int) -> Frame:
        segment, time_us = self._frames[index]
        calibration = self._file("lidar_calibration", segment)
        beams = read_beams(calibration)
        clouds = [np.zeros((0, 5))]
        for laser, images in read_range_images(self._file("lidar", segment), time_us).items():
            _check_beams(beams, laser, images, calibration)
            motion = self._motion(segment, time_us) if laser == TOP and self._has_poses else None
            clouds += [_cloud(image, beams[laser], motion) for image in images]
        points = np.concatenate(clouds).astype(np.float32)
        boxes = self._boxes(index)
        return Frame(points, boxes, self.labels(index), count_inside(points, boxes))

    def name(self, index: int) -> str:
        """The boxes' file and the frame's timestamp."""
        segment, time_us = self._frames[index]
        return f"{self._file('lidar_box', segment)}: frame {time_us}"

    def labels(self, index: int) -> NDArray[np.int64]:
        """Labels of the boxes."""
        table, rows = self._table(index)
        names = (_TYPES[t] if t < len(_TYPES) else str(t) for t in table.types[rows])
        return self._class_map.labels_of(names, self.name(index))

    def _file(self, component: str, segment: int) -> Path:
        return self._folder / component / self._segments[segment]

    def _motion(self, segment: int, time_us: int) -> Motion:
        pixels, vehicle = (self._file(component, segment) for component in _POSES)
        return Motion(read_top_poses(pixels, time_us), read_vehicle_pose(vehicle, time_us))

    def _boxes(self, index: int) -> Float32:
        table, rows = self._table(index)
        boxes = table.boxes[rows].astype(np.float32)
        refuse_wrong_labels(boxes, lambda i: f"{self.name(index)}, box {i}")
        return boxes

    def _table(self, index: int) -> tuple[Boxes, NDArray[np.int64]]:
        """The boxes of a frame's segment, and which of them are the frame's."""
        segment, time_us = self._frames[index]
        if self._last is None or self._last[0] != segment:
            self._last = segment, read_boxes(self._file("lidar_box", segment))
        table = self._last[1]
        return table, np.flatnonzero(table.time_us == time_us)


def _segments(folder: Path, components: tuple[str, ...]) -> list[str]:
    """File names of the segments; ``ValueError`` where one lacks a component."""
    for component in components:
        if not (folder / component).is_dir():
            raise ValueError(
                f"{folder}: expected the component {component}, a folder of parquet files, found"
                " none; download it, or correct path and split"
            )
    names = sorted(path.name for path in (folder / components[0]).glob("*.parquet"))
    if not names:
        raise ValueError(f"{folder / components[0]}: expected segments (*.parquet), found none;"
                         " download some")  # fmt: skip
    files = [folder / component / name for component in components for name in names]
    refuse_missing(files, str(folder))
    return names


def _check_beams(
    beams: Mapping[int, Beams], laser: int, images: Sequence[Float32], where: Path
) -> None:
    if laser not in beams:
        raise ValueError(f"{where}: expected a row of {LASER} {laser}, found {sorted(beams)};"
                         " download the file again")  # fmt: skip
    values = beams[laser].values
    rows = {len(image) for image in images}
    if values is not None and rows - {len(values)}:
        raise ValueError(
            f"{where}: {LASER} {laser}: expected beam_inclination.values for {sorted(rows)} rows,"
            f" got {len(values)}; download the file again"
        )


def _cloud(image: Float32, beams: Beams, motion: Motion | None) -> Float64:
    """Points ``[N, 5]`` of one return of one LiDAR, of echoes where somebody labelled."""
    rows = beam_inclinations(beams.low, beams.high, beams.values, len(image))
    xyz = range_image_points(image[..., 0].astype(np.float64), rows, beams.extrinsic)
    seen = (image[..., 0] > 0) & (image[..., 3] <= 0)
    points = xyz[seen]
    if motion is not None:
        poses = motion.pixel_poses[seen].astype(np.float64)
        points = to_frame_time(points, poses, motion.world_from_vehicle)
    return np.column_stack((points, np.tanh(image[seen, 1]), image[seen, 2]))
