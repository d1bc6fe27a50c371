"""Our model config from OpenPCDet's: every key has its counterpart, or is refused by its name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pd_ros.detection.config.base import FrozenConfig, parse_config
from pd_ros.detection.config.bev import ModelConfig
from training.import_checkpoint.openpcdet_checks import (
    FEATURES,
    PILLARS,
    find_problems,
    voxel_step,
)
from training.import_checkpoint.openpcdet_data import Data, of_network, read_openpcdet_yaml
from training.import_checkpoint.openpcdet_schema import (
    AnchorHeadSection,
    Backbone3d,
    CenterHeadSection,
    Model,
    Names,
)

# Highest intensity in the files of a data set that OpenPCDet takes as it is; we bring it to 1.
_INTENSITY_MAX = {"NuScenesDataset": 255.0}
_MAX_POINTS = 400_000  # theirs knows no bound; ours needs one
_FILTERS = {"VoxelBackBone8x": (16, 16, 32, 64, 64, 128),
            "VoxelResBackBone8x": (16, 16, 32, 64, 128, 128)}  # fmt: skip
_LAYERS = {"VoxelBackBone8x": (1, 1, 3, 3, 3, 1), "VoxelResBackBone8x": (1, 2, 3, 3, 3, 1)}


# The words for a key too many in a config of ours, and in one of theirs.
_UNKNOWN_KEY = ("unknown key; remove it or correct its spelling", "has no counterpart here")
_LINE = 240


class Network(FrozenConfig):
    """The keys that a network depends on; the others are about training."""

    CLASS_NAMES: Names
    DATA_CONFIG: Data
    MODEL: Model


class Theirs(NamedTuple):
    """What a config of OpenPCDet says that goes with the network."""

    config: ModelConfig
    intensity_max: float  # of the points that it was trained on
    sweeps: int


def load_openpcdet_config(path: Path) -> Theirs:
    """Read a config of OpenPCDet or SparseKD (``tools/cfgs/.../NAME.yaml``) as one of ours.

    Raises ``ValueError`` that names each key that has no counterpart here.
    """
    network = _read(path)
    classes = [name.lower() for name in network.CLASS_NAMES]
    model, data = network.MODEL, network.DATA_CONFIG
    problems = list(find_problems(model, data, classes))
    if problems:
        raise ValueError("\n".join(f"{path}: {problem}" for problem in problems))
    config = parse_config(_ours(path.stem, classes, model, data), ModelConfig, f"{path} (as ours)")
    _check_map(path, config, model)
    return Theirs(config, _INTENSITY_MAX.get(data.DATASET, 1.0), data.MAX_SWEEPS)


def _read(path: Path) -> Network:
    content = read_openpcdet_yaml(path)
    known = {key: value for key, value in content.items() if key in Network.model_fields}
    if isinstance(known.get("DATA_CONFIG"), dict):
        known["DATA_CONFIG"] = of_network(known["DATA_CONFIG"])
    try:
        return parse_config(known, Network, str(path))
    except ValueError as error:
        lines = str(error).replace(*_UNKNOWN_KEY).splitlines()
        raise ValueError("\n".join(map(_without_kind, lines))) from None


def _without_kind(line: str) -> str:
    """A line of a parsing error: which kind of head it was is no key; long values are cut."""
    for kind in ("CenterHead", "AnchorHeadSingle", "AnchorHeadMulti"):
        line = line.replace(f"DENSE_HEAD.{kind}.", "DENSE_HEAD.")
    return line if len(line) <= _LINE else f"{line[:_LINE]} ..."


def _ours(name: str, classes: list[str], model: Model, data: Data) -> dict[str, Any]:
    shape = model.BACKBONE_2D
    strides = [int(s) if s >= 1 else s for s in shape.UPSAMPLE_STRIDES]
    ours = {
        "name": name,
        "classes": classes,
        "groups": _groups(model.DENSE_HEAD),
        "features": [FEATURES[f] for f in data.POINT_FEATURE_ENCODING.used_feature_list[3:]],
        "grid": _grid(model, data),
        "capacity": _capacity(model, data),
        "encoder": _encoder(model),
        "backbone": {
            "widths": _scaled(shape.NUM_FILTERS, shape.WIDTH),
            "layers": list(shape.LAYER_NUMS),
            "strides": list(shape.LAYER_STRIDES),
        },
        "neck": {"widths": _scaled(shape.NUM_UPSAMPLE_FILTERS, shape.WIDTH), "strides": strides},
        "head": _head(model.DENSE_HEAD, classes),
        "decode": _decode(model),
    }
    return {key: value for key, value in ours.items() if value is not None}


def _check_map(path: Path, config: ModelConfig, model: Model) -> None:
    """The map of the head is as coarse as the config says."""
    head = model.DENSE_HEAD
    if isinstance(head, CenterHeadSection):
        key, told = "TARGET_ASSIGNER_CONFIG", head.TARGET_ASSIGNER_CONFIG.FEATURE_MAP_STRIDE
    else:
        key, told = "ANCHOR_GENERATOR_CONFIG", head.ANCHOR_GENERATOR_CONFIG[0].feature_map_stride
    if told != config.output_stride:
        raise ValueError(
            f"{path}: MODEL.DENSE_HEAD.{key}: feature_map_stride: expected"
            f" {config.output_stride}, as BACKBONE_2D makes it, got {told}"
        )
    if config.canvas_channels != model.MAP_TO_BEV.NUM_BEV_FEATURES:
        raise ValueError(
            f"{path}: MODEL.MAP_TO_BEV.NUM_BEV_FEATURES: expected {config.canvas_channels}, which"
            f" what is before it makes, got {model.MAP_TO_BEV.NUM_BEV_FEATURES}"
        )


def _grid(model: Model, data: Data) -> dict[str, Any]:
    size = voxel_step(data).VOXEL_SIZE
    assert size is not None
    grid: dict[str, Any] = {"range_m": list(data.POINT_CLOUD_RANGE), "pillar_size_m": size[:2]}
    if model.VFE.NAME not in PILLARS:
        grid["voxel_height_m"] = size[2]
    elif model.VFE.NAME != "PillarVFE":
        grid["any_height"] = True
    return grid


def _capacity(model: Model, data: Data) -> dict[str, Any]:
    voxels = voxel_step(data)
    if model.VFE.NAME.startswith("Dyn") or voxels.MAX_NUMBER_OF_VOXELS is None:
        return {"max_points": _MAX_POINTS, "max_pillars": _MAX_POINTS}
    return {
        "max_points": _MAX_POINTS,
        "max_pillars": voxels.MAX_NUMBER_OF_VOXELS.test,
        "max_points_per_pillar": voxels.MAX_POINTS_PER_VOXEL,
    }


def _encoder(model: Model) -> Mapping[str, Any]:
    if model.BACKBONE_3D is None:
        return {"widths": model.VFE.NUM_FILTERS, "padded": model.VFE.NAME == "PillarVFE"}
    return _sparse(model.BACKBONE_3D)


def _sparse(shape: Backbone3d) -> dict[str, Any]:
    stem, *widths, out = _scaled(shape.NUM_FILTERS or _FILTERS[shape.NAME], shape.WIDTH)
    _, first, *layers, _ = shape.LAYER_NUMS or _LAYERS[shape.NAME]
    return {
        "kind": "sparse",
        "stem": stem,
        "widths": widths,
        "layers": [first, *(count - 1 for count in layers)],  # a strided one is before them
        "out": out,
        "residual": shape.NAME == "VoxelResBackBone8x",
    }


def _scaled(widths: tuple[int, ...], factor: float) -> list[int]:
    return [int(width * factor) for width in widths]


def _groups(head: CenterHeadSection | AnchorHeadSection) -> list[list[str]] | None:
    if isinstance(head, CenterHeadSection):
        groups = [[name.lower() for name in group] for group in head.CLASS_NAMES_EACH_HEAD]
        return groups if len(groups) > 1 else None
    if head.NAME == "AnchorHeadSingle":
        return None
    return [[anchor.class_name.lower()] for anchor in head.ANCHOR_GENERATOR_CONFIG]


def _head(head: CenterHeadSection | AnchorHeadSection, classes: list[str]) -> dict[str, Any]:
    if isinstance(head, CenterHeadSection):
        velocity = "vel" in head.SEPARATE_HEAD_CFG.HEAD_DICT
        return {"width": head.SHARED_CONV_CHANNEL, "velocity": velocity}
    first, coder = head.ANCHOR_GENERATOR_CONFIG[0], head.TARGET_ASSIGNER_CONFIG.BOX_CODER_CONFIG
    by_class = {anchor.class_name.lower(): anchor for anchor in head.ANCHOR_GENERATOR_CONFIG}
    return {
        "kind": "anchors",
        "anchors": [
            {
                "size_m": list(by_class[name].anchor_sizes[0]),
                "bottom_m": by_class[name].anchor_bottom_heights[0],
                "matched_iou": by_class[name].matched_threshold,
                "unmatched_iou": by_class[name].unmatched_threshold,
            }
            for name in classes
        ],
        "rotations_rad": list(first.anchor_rotations),
        "direction_offset_rad": head.DIR_OFFSET,
        "at_cell_centres": first.align_center,
        "velocity": coder is not None and coder.code_size == 9,
        "shared": head.SHARED_CONV_NUM_FILTER,
    }


def _decode(model: Model) -> dict[str, Any]:
    head, processing = model.DENSE_HEAD, model.POST_PROCESSING
    if isinstance(head, CenterHeadSection):
        own = head.POST_PROCESSING
        return {
            "max_candidates": own.MAX_OBJ_PER_SAMPLE,
            "score_threshold": own.SCORE_THRESH,
            "centre_range_m": list(own.POST_CENTER_LIMIT_RANGE),
            "nms_iou_threshold": own.NMS_CONFIG.NMS_THRESH,
            "max_detections": own.NMS_CONFIG.NMS_POST_MAXSIZE,
        }
    assert processing.NMS_CONFIG is not None
    return {
        "max_candidates": processing.NMS_CONFIG.NMS_PRE_MAXSIZE,
        "score_threshold": processing.SCORE_THRESH,
        "nms_iou_threshold": processing.NMS_CONFIG.NMS_THRESH,
        "max_detections": processing.NMS_CONFIG.NMS_POST_MAXSIZE,
    }
