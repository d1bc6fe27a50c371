"""nuScenes, from its own tables and files.

``path`` holds ``v1.0-trainval`` or ``v1.0-mini`` with the tables, and ``samples`` and ``sweeps``
with the clouds that they name. ``split``: train, val, mini_train, mini_val.

A frame is a keyframe of LIDAR_TOP and the clouds before it, ``sweeps`` in all, brought to where
the LiDAR was at the keyframe by the vehicle's poses; what moves by itself leaves a trail.
``time_lag`` says of each point how long before the keyframe it was taken (s). The axes are turned
to x forward, y left, z up; the LiDAR's own are x right, y forward. The ground is about 1.84 m
below.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pd_ros.recordings.sound_boxes import refuse_wrong_labels
from training.datasets.class_map import ClassMap
from training.datasets.file_lists import refuse_missing
from training.datasets.frame import Float32, Frame
from training.datasets.inside import count_inside
from training.datasets.nuscenes.tables import Float64, read_tables

# The ten classes of the detection task; the rest is there, but nobody's target.
NUSCENES_CLASSES = {
    "animal": None,
    "human.pedestrian.adult": "pedestrian",
    "human.pedestrian.child": "pedestrian",
    "human.pedestrian.construction_worker": "pedestrian",
    "human.pedestrian.personal_mobility": None,
    "human.pedestrian.police_officer": "pedestrian",
    "human.pedestrian.stroller": None,
    "human.pedestrian.wheelchair": None,
    "movable_object.barrier": "barrier",
    "movable_object.debris": None,
    "movable_object.pushable_pullable": None,
    "movable_object.trafficcone": "traffic_cone",
    "static_object.bicycle_rack": None,
    "vehicle.bicycle": "bicycle",
    "vehicle.bus.bendy": "bus",
    "vehicle.bus.rigid": "bus",
    "vehicle.car": "car",
    "vehicle.construction": "construction_vehicle",
    "vehicle.emergency.ambulance": None,
    "vehicle.emergency.police": None,
    "vehicle.motorcycle": "motorcycle",
    "vehicle.trailer": "trailer",
    "vehicle.truck": "truck",
}
_FORWARD_FROM_LIDAR = np.array([[0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], float)
_COLUMNS = 5  # float32 x, y, z, intensity up to 255, ring
_OWN_VEHICLE_M = 1.0


class NuScenesFrames:
    """Keyframes by scene and time; see the module. Points are x, y, z, intensity, time lag."""

    def __init__(
        self, path: Path, class_map: ClassMap, split: str | None = None, sweeps: int = 10
    ) -> None:
        self._path = path
        self._class_map = class_map
        self._sweeps = sweeps
        self._clouds, self._annotations = read_tables(path, split)
        used = sorted({cloud for i in range(len(self)) for cloud in self._chain(i)})
        files = [path / self._clouds.files[cloud] for cloud in used]
        refuse_missing(files, f"{path}: sample_data.json")

    def __len__(self) -> int:
        return len(self._clouds.keyframes)

    def __getitem__(self, index: int) -> Frame:
        key, *before = self._chain(index)
        current = self._points(key, key)
        clouds = [current, *(self._points(cloud, key) for cloud in before)]
        boxes = self._boxes(index)
        # Boxes are where objects were at the keyframe, hence its own points count.
        num_points = count_inside(current, boxes)
        points, velocities = np.concatenate(clouds), self._velocities(index)
        return Frame(points, boxes, self.labels(index), num_points, velocities)

    def name(self, index: int) -> str:
        """The keyframe's cloud."""
        return str(self._path / self._clouds.files[self._clouds.keyframes[index]])

    def labels(self, index: int) -> NDArray[np.int64]:
        """Labels of the boxes."""
        names = self._annotations.category[self._rows(index)]
        return self._class_map.labels_of(names, f"{self._path}: category.json")

    def _rows(self, index: int) -> slice:
        return slice(*self._annotations.first[index : index + 2].tolist())

    def _chain(self, index: int) -> list[int]:
        """The keyframe's cloud and those before it; fewer at a scene's start."""
        chain = [int(self._clouds.keyframes[index])]
        while len(chain) < self._sweeps and self._clouds.previous[chain[-1]] >= 0:
            chain.append(int(self._clouds.previous[chain[-1]]))
        return chain

    def _points(self, cloud: int, key: int) -> Float32:
        """A cloud ``[N, 5]`` without the own vehicle, where the LiDAR was at the keyframe."""
        points = _read_points(self._path / self._clouds.files[cloud])
        points = points[(np.abs(points[:, :2]) >= _OWN_VEHICLE_M).any(axis=1)]
        key_from_lidar = self._key_from_global(key) @ self._clouds.global_from_lidar[cloud]
        moved = points[:, :3] @ key_from_lidar[:3, :3].T + key_from_lidar[:3, 3]
        lag_s = (self._clouds.time_us[key] - self._clouds.time_us[cloud]) / 1e6
        intensity = points[:, 3] / 255
        return np.column_stack((moved, intensity, np.full(len(points), lag_s))).astype(np.float32)

    def _boxes(self, index: int) -> Float32:
        rows = self._rows(index)
        transform = self._key_from_global(int(self._clouds.keyframes[index]))
        centre = self._annotations.centre[rows] @ transform[:3, :3].T + transform[:3, 3]
        heading = (transform[:3, :3] @ self._annotations.rotation[rows])[:, :, 0]
        yaw = np.arctan2(heading[:, 1], heading[:, 0])
        size = self._annotations.size[rows][:, [1, 0, 2]]
        boxes = np.column_stack((centre, size, yaw)).astype(np.float32)
        tokens = self._annotations.token[rows]
        table = f"{self._path}: sample_annotation.json"
        refuse_wrong_labels(boxes, lambda i: f"{table}: row {tokens[i]}")
        return boxes

    def _velocities(self, index: int) -> Float32:
        """Velocities ``[M, 2]`` over the ground, along the axes of the cloud."""
        over_ground = self._annotations.velocity[self._rows(index)] * (1, 1, 0)
        rotation = self._key_from_global(int(self._clouds.keyframes[index]))[:3, :3]
        return (over_ground @ rotation.T)[:, :2].astype(np.float32)

    def _key_from_global(self, key: int) -> Float64:
        lidar_from_global: Float64 = np.linalg.inv(self._clouds.global_from_lidar[key])
        return _FORWARD_FROM_LIDAR @ lidar_from_global


def _read_points(path: Path) -> Float64:
    data = path.read_bytes()
    if len(data) % (4 * _COLUMNS):
        raise ValueError(
            f"{path}: expected {4 * _COLUMNS} bytes for each point (float32 x, y, z, intensity,"
            f" ring), got {len(data)} bytes; download it again"
        )
    return np.frombuffer(data, "<f4").reshape(-1, _COLUMNS).astype(np.float64)
