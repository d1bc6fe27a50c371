"""Check key by key what of OpenPCDet's configs the networks here cannot do."""

from collections.abc import Iterator

from training.import_checkpoint.openpcdet_data import Data, Processor
from training.import_checkpoint.openpcdet_schema import AnchorHeadSection, CenterHeadSection, Model

# Theirs: ours. What only points of joined sweeps have is their age.
FEATURES = {"intensity": "intensity", "elongation": "elongation", "timestamp": "time_lag"}
PILLARS = ("PillarVFE", "DynPillarVFE", "DynamicPillarVFE")
_BRANCHES = {"center": 2, "center_z": 1, "dim": 3, "rot": 2}
_VELOCITY = {"vel": 2}


def find_problems(model: Model, data: Data, classes: list[str]) -> Iterator[str]:
    """List what cannot be said in a config of ours, one line with its key each."""
    features = data.POINT_FEATURE_ENCODING.used_feature_list
    unknown = [name for name in features[3:] if name not in FEATURES]
    if features[:3] != ("x", "y", "z") or unknown:
        yield (
            "DATA_CONFIG.POINT_FEATURE_ENCODING.used_feature_list: expected x, y, z and some of"
            f" {', '.join(FEATURES)}, got {', '.join(features)}"
        )
    pillars = model.VFE.NAME in PILLARS
    if pillars and model.VFE.NUM_FILTERS is None:
        yield "MODEL.VFE.NUM_FILTERS: missing"
    if pillars == (model.BACKBONE_3D is not None):
        yield (
            f"MODEL.BACKBONE_3D: expected {'none with' if pillars else 'one behind'}"
            f" {model.VFE.NAME}"
        )
    try:
        voxels = voxel_step(data)
    except ValueError as error:
        yield str(error)
        return
    dynamic = model.VFE.NAME.startswith("Dyn")
    if not dynamic and None in (voxels.MAX_POINTS_PER_VOXEL, voxels.MAX_NUMBER_OF_VOXELS):
        yield f"DATA_CONFIG.DATA_PROCESSOR: {model.VFE.NAME} needs transform_points_to_voxels"
    z0, z1 = data.POINT_CLOUD_RANGE[2], data.POINT_CLOUD_RANGE[5]
    if pillars and voxels.VOXEL_SIZE and abs(voxels.VOXEL_SIZE[2] - (z1 - z0)) > 1e-6:
        yield (
            "DATA_CONFIG.DATA_PROCESSOR: VOXEL_SIZE: expected pillars as high as the range,"
            f" {z1 - z0:g} m, got {voxels.VOXEL_SIZE[2]:g} m"
        )
    if isinstance(model.DENSE_HEAD, CenterHeadSection):
        yield from _center_problems(model.DENSE_HEAD)
    else:
        yield from _anchor_problems(model, model.DENSE_HEAD, classes)


def _center_problems(head: CenterHeadSection) -> Iterator[str]:
    branches = {name: b.out_channels for name, b in head.SEPARATE_HEAD_CFG.HEAD_DICT.items()}
    if branches not in (_BRANCHES, _BRANCHES | _VELOCITY):
        yield (
            f"MODEL.DENSE_HEAD.SEPARATE_HEAD_CFG.HEAD_DICT: expected {_BRANCHES}, maybe with"
            f" {_VELOCITY}, got {branches}"
        )
    if sorted(head.SEPARATE_HEAD_CFG.HEAD_ORDER) != sorted(branches):
        yield "MODEL.DENSE_HEAD.SEPARATE_HEAD_CFG.HEAD_ORDER: expected the names of HEAD_DICT"
    nms = head.POST_PROCESSING.NMS_CONFIG
    if nms.MULTI_CLASSES_NMS:
        yield "MODEL.DENSE_HEAD.POST_PROCESSING.NMS_CONFIG.MULTI_CLASSES_NMS: expected False"
    if nms.NMS_PRE_MAXSIZE < head.POST_PROCESSING.MAX_OBJ_PER_SAMPLE:
        yield (
            "MODEL.DENSE_HEAD.POST_PROCESSING.NMS_CONFIG.NMS_PRE_MAXSIZE: expected no less than"
            " MAX_OBJ_PER_SAMPLE"
        )


def _anchor_problems(model: Model, head: AnchorHeadSection, classes: list[str]) -> Iterator[str]:
    where = "MODEL.DENSE_HEAD"
    names = [anchor.class_name.lower() for anchor in head.ANCHOR_GENERATOR_CONFIG]
    single = head.NAME == "AnchorHeadSingle"
    if sorted(names) != sorted(classes) or (single and names != classes):
        yield (
            f"{where}.ANCHOR_GENERATOR_CONFIG: expected one entry for each of CLASS_NAMES"
            f"{', in their order' if single else ''} ({', '.join(classes)}), got"
            f" {', '.join(names)}"
        )
    for key in ("anchor_rotations", "align_center", "feature_map_stride"):
        if len({getattr(anchor, key) for anchor in head.ANCHOR_GENERATOR_CONFIG}) > 1:
            yield f"{where}.ANCHOR_GENERATOR_CONFIG: {key}: expected the same for all classes"
    parts = [name.lower() for part in head.RPN_HEAD_CFGS for name in part.HEAD_CLS_NAME]
    if single and (parts or head.USE_MULTIHEAD or head.SHARED_CONV_NUM_FILTER):
        yield f"{where}: USE_MULTIHEAD, RPN_HEAD_CFGS, SHARED_CONV_NUM_FILTER: not of {head.NAME}"
    if not single and not (head.USE_MULTIHEAD and head.SEPARATE_MULTIHEAD and parts == names):
        yield (
            f"{where}: expected USE_MULTIHEAD and SEPARATE_MULTIHEAD, and RPN_HEAD_CFGS with the"
            f" classes in the order of ANCHOR_GENERATOR_CONFIG ({', '.join(names)}), got"
            f" {', '.join(parts) or 'none'}"
        )
    processing = model.POST_PROCESSING
    if processing.NMS_CONFIG is None or processing.SCORE_THRESH is None:
        yield "MODEL.POST_PROCESSING: SCORE_THRESH and NMS_CONFIG are needed"
    elif single == processing.NMS_CONFIG.MULTI_CLASSES_NMS:
        yield (
            f"MODEL.POST_PROCESSING.NMS_CONFIG.MULTI_CLASSES_NMS: expected {not single} with"
            f" {head.NAME}, got {single}"
        )


def voxel_step(data: Data) -> Processor:
    """The step that makes voxels; ``ValueError`` unless there is one."""
    found = [step for step in data.DATA_PROCESSOR if step.VOXEL_SIZE is not None]
    found = [step for step in found if not step.NAME.endswith("_tea")]  # of SparseKD's teacher
    if len(found) != 1:
        raise ValueError(f"DATA_CONFIG.DATA_PROCESSOR: expected one step with VOXEL_SIZE, got"
                         f" {len(found)}")  # fmt: skip
    return found[0]
