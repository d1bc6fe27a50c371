"""Clouds as they come over ROS: the bytes of a ``PointCloud2``, as Velodyne's driver lays them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from pd_ros.benchmark.reference import PlainPredictor
from pd_ros.detection.checkpoint import Checkpoint, load_checkpoint
from pd_ros.detection.families import AnyModelConfig, build_model, load_model_config
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.shipped import find_checkpoint, shipped_names
from pd_ros.detection.types import Detections
from pd_ros.pointcloud.decode import Float32
from pd_ros.pointcloud.layout import CloudField, CloudLayout

if TYPE_CHECKING:  # which needs rosbags; made-up streets do not
    from pd_ros.recordings.sources import Source

# Real sweeps that are taken where nothing else is said, if PD_ROS_DATA has them.
_REAL_SWEEPS = "kitti_raw_0005/velodyne"
_BEAMS = 64
_COLUMNS = 1900
_HEIGHT_M = 1.73
_REACH_M = 80.0
_WALL_HEIGHT_M = 6.0

_POINT = np.dtype(
    {
        "names": ["x", "y", "z", "intensity", "ring", "time"],
        "formats": ["<f4", "<f4", "<f4", "<f4", "<u2", "<f4"],
        "offsets": [0, 4, 8, 12, 16, 18],
        "itemsize": 22,
    }
)
_FIELDS = tuple(CloudField(name, 4 * i, 7) for i, name in enumerate(_POINT.names or ()) if i < 4)


class ReceivedCloud(NamedTuple):
    """A cloud that has been received, and not yet read."""

    layout: CloudLayout
    data: bytes


def to_message(points: Float32) -> ReceivedCloud:
    """Points ``[N, 4]`` (x, y, z in m, intensity) as a message of 22 bytes a point."""
    records = np.zeros(len(points), _POINT)
    for column, name in enumerate(("x", "y", "z", "intensity")):
        records[name] = points[:, column]
    size = _POINT.itemsize
    layout = CloudLayout(len(points), 1, size, size * len(points), False, _FIELDS)
    return ReceivedCloud(layout, records.tobytes())


def read_messages(source: "Source | None", most: int) -> list[ReceivedCloud]:
    """The first clouds of a recording or folder; without one, made-up streets.

    Raises ``ValueError`` for what cannot be read, or holds no cloud.
    """
    if source is None:
        return [to_message(made_up_street(seed)) for seed in range(most)]
    sweeps = zip(source.sweeps(), range(most), strict=False)
    return [to_message(sweep.points) for sweep, _ in sweeps]


def real_sweeps() -> Path | None:
    """The folder of real sweeps in PD_ROS_DATA; None where it is not there."""
    folder = os.environ.get("PD_ROS_DATA")
    path = Path(folder) / _REAL_SWEEPS if folder else None
    return path if path is not None and path.is_dir() else None


def made_up_street(seed: int) -> Float32:
    """A sweep of about 120,000 points in a street: ground, fronts of houses, things as posts.

    It has the density of a 64-beam sensor, and nothing in it that a detector should find; with
    ``training`` at hand take a simulated one.
    """
    rng = np.random.default_rng(seed)
    azimuth = np.linspace(-np.pi, np.pi, _COLUMNS, endpoint=False)
    elevation = np.radians(np.linspace(2.0, -24.8, _BEAMS))[:, None]
    width = rng.uniform(6, 12) + rng.uniform(0, 3, _COLUMNS // 50).repeat(50)
    wall = width / np.maximum(np.abs(np.sin(azimuth)), 1e-3)
    for middle in rng.uniform(-np.pi, np.pi, 40):
        post = np.abs(azimuth - middle) < rng.uniform(0.01, 0.1)
        wall = np.where(post, np.minimum(wall, rng.uniform(4, 50)), wall)
    ground = _HEIGHT_M / np.maximum(-np.tan(elevation), 1e-3)
    distance = np.minimum(ground, wall[None]) + rng.normal(0, 0.02, (_BEAMS, _COLUMNS))
    height = np.maximum(distance * np.tan(elevation), -_HEIGHT_M)
    hit = (distance < _REACH_M) & (height < _WALL_HEIGHT_M)
    columns = np.broadcast_to(azimuth, hit.shape)[hit]
    x, y = distance[hit] * np.cos(columns), distance[hit] * np.sin(columns)
    intensity = rng.uniform(0, 1, len(x))
    points: Float32 = np.stack((x, y, height[hit], intensity), axis=1).astype(np.float32)
    return points


_PACKAGE = Path(__file__).parents[1]


class MeasuredDetector(Protocol):
    """What is measured."""

    def __call__(self, points: Tensor, on_stage: Callable[[str], None] = ..., /) -> Detections:
        """Boxes in a cloud ``[N, 3 + C]``; ``on_stage`` is told when each stage is over."""


class Form(NamedTuple):
    """How a network is run."""

    path: str  # plain or fast
    precision: torch.dtype
    backend: str = "torch"  # of the fast path


def load_network(path: Path) -> Checkpoint:
    """Read a checkpoint, or build the network of a YAML with fresh weights.

    Raises ``ValueError`` for a bad file.
    """
    if path.suffix != ".yaml":
        return load_checkpoint(path)
    config = load_model_config(path)
    torch.manual_seed(0)
    return Checkpoint(build_model(config).eval(), config, {})


def with_features(points: Float32, config: AnyModelConfig) -> Tensor:
    """Points ``[N, 4]`` as ``[N, 3 + C]`` of a network; features they do not have are 0."""
    if points.shape[1] == 3 + len(config.features):
        return torch.from_numpy(points)
    cloud = torch.zeros(len(points), 3 + len(config.features))
    known = min(cloud.shape[1], points.shape[1])
    cloud[:, :known] = torch.from_numpy(points[:, :known])
    return cloud


def find_model(name: str) -> Path:
    """Path of a checkpoint or YAML, given as such or by the name of one that comes with pd_ros.

    Raises ``ValueError`` where there is neither.
    """
    yaml = _PACKAGE.parent / "config/model" / f"{name}.yaml"
    for place in (find_checkpoint(name), yaml):
        if place.is_file():
            return place
    known = sorted([*shipped_names(), *(path.stem for path in yaml.parent.glob("*.yaml"))])
    raise ValueError(
        f"--model: expected a file or one of {', '.join(known)}, got {name!r}; correct the name"
    )


def make_detector(checkpoint: Checkpoint, form: Form, device: torch.device) -> MeasuredDetector:
    """The detector in a form; it may change the checkpoint's network."""
    if form.path == "plain":
        return PlainPredictor(checkpoint, device)
    return Predictor(checkpoint, device, form.precision, form.backend)


def recorded_accuracy(checkpoint: Checkpoint) -> dict[str, float]:
    """Scores that training left in a checkpoint: ``SET/CLASS/RULE`` -> AP in percent; or none."""
    items = checkpoint.training.items()
    return {key: value for key, value in items if "/" in key and isinstance(value, float)}
