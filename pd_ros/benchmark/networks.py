"""Detectors and points in the form that is measured."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from pd_ros.benchmark.plain import PlainPredictor
from pd_ros.detection.checkpoint import Checkpoint, load_checkpoint
from pd_ros.detection.model import build_model
from pd_ros.detection.model_config import AnyModelConfig, load_model_config
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.shipped import find_checkpoint, shipped_names
from pd_ros.detection.types import Detections
from pd_ros.pointcloud import Float32

_PACKAGE = Path(__file__).parents[1]


class Detector(Protocol):
    """What is measured."""

    def __call__(self, points: Tensor, done: Callable[[str], None] = ..., /) -> Detections:
        """Boxes in a cloud ``[N, 3 + C]``; ``done`` is told when each stage is over."""


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


def make_detector(checkpoint: Checkpoint, form: Form, device: torch.device) -> Detector:
    """The detector in a form; it may change the checkpoint's network."""
    if form.path == "plain":
        return PlainPredictor(checkpoint, device)
    return Predictor(checkpoint, device, form.precision, form.backend)


def recorded_accuracy(checkpoint: Checkpoint) -> dict[str, float]:
    """Scores that training left in a checkpoint: ``SET/CLASS/RULE`` -> AP in percent; or none."""
    items = checkpoint.training.items()
    return {key: value for key, value in items if "/" in key and isinstance(value, float)}
