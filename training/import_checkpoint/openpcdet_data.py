"""OpenPCDet's configs of data, as far as a network depends on them, and reading such files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pd_ros.detection.config.base import FrozenConfig, PositiveInt, read_yaml
from training.import_checkpoint.openpcdet_schema import Names, OfTraining, Six

_BASE = "_BASE_CONFIG_"


class Modes(FrozenConfig):
    """A number for training and one for what comes after."""

    train: OfTraining = None
    test: PositiveInt


class Processor(FrozenConfig):
    """One step between points and network; the keys of all steps together."""

    NAME: Literal[
        "mask_points_and_boxes_outside_range",
        "shuffle_points",
        "transform_points_to_voxels",
        "transform_points_to_voxels_placeholder",
        "transform_points_to_voxels_tea",
        "calculate_grid_size",
    ]
    VOXEL_SIZE: tuple[float, float, float] | None = None
    MAX_POINTS_PER_VOXEL: PositiveInt | None = None
    MAX_NUMBER_OF_VOXELS: Modes | None = None
    DOUBLE_FLIP: Literal[False] = False
    REMOVE_OUTSIDE_BOXES: OfTraining = None
    USE_CENTER_TO_FILTER: OfTraining = None
    min_num_corners: OfTraining = None
    STRICT_MASK: OfTraining = None
    SHUFFLE_ENABLED: OfTraining = None


class Encoding(FrozenConfig):
    """Columns of the points."""

    encoding_type: Literal["absolute_coordinates_encoding"]
    used_feature_list: Names
    src_feature_list: OfTraining = None
    filter_sweeps: OfTraining = None
    max_sweeps: OfTraining = None


class Data(FrozenConfig):
    """What a network depends on; see ``of_network`` for the keys that it never sees."""

    DATASET: str = ""
    POINT_CLOUD_RANGE: Six
    DATA_PROCESSOR: tuple[Processor, ...] = Field(min_length=1)
    POINT_FEATURE_ENCODING: Encoding
    MAX_SWEEPS: PositiveInt = 1


def of_network(content: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of ``DATA_CONFIG`` that a network depends on.

    The others say where the data is and how it is augmented.
    """
    return {key: value for key, value in content.items() if key in Data.model_fields}


def read_openpcdet_yaml(path: Path) -> dict[str, Any]:
    """A config with what it builds on (``_BASE_CONFIG_``), merged as OpenPCDet does.

    Bases are looked for in the folders above the file and in their ``tools``. Raises
    ``ValueError`` for a file that is missing or no mapping.
    """
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected OpenPCDet's keys (MODEL, DATA_CONFIG, ...), got"
                         f" {type(content).__name__}; give a file of tools/cfgs")  # fmt: skip
    return _merge({}, content, path)


def _merge(config: dict[str, Any], changes: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """``changes`` over ``config``: mappings key by key, all else as a whole."""
    base = changes.get(_BASE)
    if base is not None:
        config = {**config, **read_openpcdet_yaml(_find_base(str(base), path))}
    for key, value in changes.items():
        if key == _BASE:
            continue
        old = config.get(key)
        nested = old if isinstance(old, dict) else {}
        config[key] = _merge(dict(nested), value, path) if isinstance(value, dict) else value
    return config


def _find_base(base: str, path: Path) -> Path:
    for folder in path.resolve().parents:
        for place in (folder / base, folder / "tools" / base):
            if place.is_file():
                return place
    raise ValueError(
        f"{path}: {_BASE}: expected {base} in a folder above it, or in a `tools` there, found"
        " none; give the file in its place in OpenPCDet's folders, or copy them there"
    )
