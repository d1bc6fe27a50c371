"""The families of detectors, one row each: a new one is its own folder and a row here.

A family is told by the ``kind`` of its config. Whoever has a config asks this table for what
belongs to it; nothing else in the package branches on the kind of a network to build, feed or
decode it.
"""

import reprlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

import torch
from torch import Tensor

from pd_ros.detection.bev.build import build_bev
from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.bev.peaks import BevDecoder, make_bev_decoder
from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.config.base import parse_config, read_yaml
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.point_rcnn import PointRcnnConfig
from pd_ros.detection.outline import check_weights, outlines
from pd_ros.detection.point_rcnn.decode import PointDecoder, make_point_decoder
from pd_ros.detection.point_rcnn.detector import PointRcnn
from pd_ros.detection.point_rcnn.sampling import make_point_batch
from pd_ros.detection.types import AnyBatch

AnyModelConfig = ModelConfig | PointRcnnConfig
AnyModel = BevDetector | PointRcnn
ConfigT = TypeVar("ConfigT", ModelConfig, PointRcnnConfig)
ModelT = TypeVar("ModelT", BevDetector, PointRcnn)


@dataclass(frozen=True)
class Family(Generic[ConfigT, ModelT]):
    """What belongs to one kind of network."""

    kind: str | None  # in its config; None: the config has no such key
    meaning: str  # for messages
    config: type[ConfigT]
    build: Callable[[ConfigT], ModelT]
    # Clouds [N_i, 3 + C], and the seeds of what a network draws from them; None: always the same.
    batch: Callable[[Sequence[Tensor], ConfigT, Sequence[int] | None], AnyBatch]
    decoder: Callable[[ConfigT, torch.device], Callable[[Any], Any]]


FAMILIES: tuple[Family[Any, Any], ...] = (
    Family(
        None, "a BEV detector", ModelConfig, build_bev,
        lambda clouds, config, _seeds: pillarize(clouds, config.grid, config.capacity),
        make_bev_decoder,
    ),
    Family(
        "point_rcnn", "a detector on raw points", PointRcnnConfig, PointRcnn, make_point_batch,
        make_point_decoder,
    ),
)  # fmt: skip


def family_of(config: AnyModelConfig) -> Family[Any, Any]:
    """The row of a config."""
    return next(family for family in FAMILIES if type(config) is family.config)


def load_model_config(path: Path) -> AnyModelConfig:
    """Read and check the YAML of a network; ``ValueError`` as from ``load_config``."""
    return parse_model_config(read_yaml(path), str(path))


def parse_model_config(content: object, where: str) -> AnyModelConfig:
    """Check already loaded content; without ``kind`` it is a BEV detector's."""
    kind = content.get("kind") if isinstance(content, dict) else None
    for family in FAMILIES:
        if kind == family.kind:
            config: AnyModelConfig = parse_config(content, family.config, where)
            return config
    known = ", ".join(f"{each.kind or 'no kind'} for {each.meaning}" for each in FAMILIES)
    raise ValueError(f"{where}: kind: expected {known} (got {reprlib.repr(kind)})")


@overload
def build_model(config: ModelConfig) -> BevDetector: ...
@overload
def build_model(config: PointRcnnConfig) -> PointRcnn: ...
@overload
def build_model(config: AnyModelConfig) -> AnyModel: ...
def build_model(config: AnyModelConfig) -> AnyModel:
    """Network of a config, with fresh weights.

    Raises ``ValueError`` for one of absurdly many weights, before it takes memory for them, and
    for a network of voxels where spconv is not installed.
    """
    outline_model(config)
    model: AnyModel = family_of(config).build(config)
    return model


def outline_model(config: AnyModelConfig) -> AnyModel:
    """The same without values and memory for them; ``ValueError`` as above."""
    with outlines():
        outline: AnyModel = family_of(config).build(config)
    check_weights(outline, config.name)
    return outline


def make_batch(
    clouds: Sequence[Tensor], config: AnyModelConfig, seeds: Sequence[int] | None = None
) -> AnyBatch:
    """Clouds ``[N_i, 3 + C]`` for a network; empty ones are valid.

    ``seeds``: of what a network on points draws from each cloud; None: always the same.
    """
    return family_of(config).batch(clouds, config, seeds)


@overload
def make_decoder(config: ModelConfig, device: torch.device) -> BevDecoder: ...
@overload
def make_decoder(config: PointRcnnConfig, device: torch.device) -> PointDecoder: ...
@overload
def make_decoder(config: AnyModelConfig, device: torch.device) -> BevDecoder | PointDecoder: ...
def make_decoder(config: AnyModelConfig, device: torch.device) -> BevDecoder | PointDecoder:
    """From the output of a network over a batch to the boxes of each sample."""
    decoder: BevDecoder | PointDecoder = family_of(config).decoder(config, device)
    return decoder
