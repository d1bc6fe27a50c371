"""Schema of the parts of OpenPCDet's configs that have a counterpart here, and their values.

Whatever is not written down here is refused with its key. Training is not taken over: losses,
targets and augmentation may be anything.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from pd_ros.detection.config.base import FrozenConfig, PositiveFloat, PositiveInt, Widths

Names = Annotated[tuple[str, ...], Field(min_length=1)]
Counts = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
Six = tuple[float, float, float, float, float, float]
OfTraining = Any
No = Literal[False]
ReLU = Literal["ReLU"]


class Vfe(FrozenConfig):
    """What makes features of a pillar's or voxel's points."""

    NAME: Literal["PillarVFE", "DynPillarVFE", "DynamicPillarVFE", "MeanVFE", "DynMeanVFE"]
    WITH_DISTANCE: No = False
    USE_ABSLOTE_XYZ: Literal[True] = True
    USE_NORM: Literal[True] = True
    NUM_FILTERS: Widths | None = None


class Backbone3d(FrozenConfig):
    """Sparse convolutions; SparseKD's have widths and counts of layers."""

    NAME: Literal["VoxelBackBone8x", "VoxelResBackBone8x"]
    NUM_FILTERS: tuple[PositiveInt, ...] | None = Field(None, min_length=6, max_length=6)
    LAYER_NUMS: tuple[PositiveInt, ...] | None = Field(None, min_length=6, max_length=6)
    WIDTH: PositiveFloat = 1.0
    ACT_FN: ReLU = "ReLU"
    last_pad: Literal[0] = 0
    USE_BIAS: None = None


class MapToBev(FrozenConfig):
    """Rows to a canvas; its channels follow from what is before it."""

    NAME: Literal["PointPillarScatter", "HeightCompression"]
    NUM_BEV_FEATURES: PositiveInt


class Backbone2d(FrozenConfig):
    """Stages of convolutions and what brings them together."""

    NAME: Literal["BaseBEVBackbone"]
    LAYER_NUMS: Counts
    LAYER_STRIDES: Widths
    NUM_FILTERS: Widths
    UPSAMPLE_STRIDES: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)]
    NUM_UPSAMPLE_FILTERS: Widths
    USE_CONV_FOR_NO_STRIDE: No = False
    WIDTH: PositiveFloat = 1.0
    FOCUS: No = False
    ACT_FN: ReLU = "ReLU"
    NORM_TYPE: Literal["BatchNorm2d"] = "BatchNorm2d"


class Nms(FrozenConfig):
    """Suppression."""

    NMS_TYPE: Literal["nms_gpu"]
    NMS_THRESH: float
    NMS_PRE_MAXSIZE: PositiveInt
    NMS_POST_MAXSIZE: PositiveInt
    MULTI_CLASSES_NMS: bool = False


class CenterProcessing(FrozenConfig):
    """From the maps of a head of centres to boxes."""

    SCORE_THRESH: float
    POST_CENTER_LIMIT_RANGE: Six
    MAX_OBJ_PER_SAMPLE: PositiveInt
    NMS_CONFIG: Nms
    USE_IOU_TO_RECTIFY_SCORE: No = False


class Branch(FrozenConfig):
    """One output of a head of centres."""

    out_channels: PositiveInt
    num_conv: Literal[2]


class SeparateHead(FrozenConfig):
    """All outputs but the heatmap."""

    HEAD_ORDER: Names
    HEAD_DICT: dict[str, Branch]
    UPSAMPLE: No = False


class TargetAssigner(FrozenConfig):
    """Of training, but for the cells of the map and the way in which boxes are written."""

    FEATURE_MAP_STRIDE: PositiveInt | None = None
    BOX_CODER: Literal["ResidualCoder"] = "ResidualCoder"
    BOX_CODER_CONFIG: "BoxCoder | None" = None
    NAME: OfTraining = None
    NUM_MAX_OBJS: OfTraining = None
    GAUSSIAN_OVERLAP: OfTraining = None
    MIN_RADIUS: OfTraining = None
    DENSE_REG: OfTraining = None
    SHARPER: OfTraining = None
    POS_FRACTION: OfTraining = None
    SAMPLE_SIZE: OfTraining = None
    NORM_BY_NUM_EXAMPLES: OfTraining = None
    MATCH_HEIGHT: OfTraining = None


class BoxCoder(FrozenConfig):
    """How boxes are written as differences."""

    code_size: Literal[7, 9] = 7
    encode_angle_by_sincos: No = False


class CenterHeadSection(FrozenConfig):
    """Head of centres, with one or several groups of classes."""

    NAME: Literal["CenterHead"]
    CLASS_AGNOSTIC: No = False
    CLASS_NAMES_EACH_HEAD: Annotated[tuple[Names, ...], Field(min_length=1)]
    SHARED_CONV_CHANNEL: PositiveInt
    USE_BIAS_BEFORE_NORM: bool = False  # a missing one is 0
    NUM_HM_CONV: Literal[2]
    BN_EPS: Annotated[float, Field(ge=1e-5, le=1e-5)] = 1e-5
    BN_MOM: OfTraining = None
    ACT_FN: ReLU = "ReLU"
    NORM_TYPE: Literal["BatchNorm2d"] = "BatchNorm2d"
    SEPARATE_HEAD_CFG: SeparateHead
    TARGET_ASSIGNER_CONFIG: TargetAssigner
    POST_PROCESSING: CenterProcessing
    IOU_REG_LOSS: OfTraining = None
    LOSS_CONFIG: OfTraining = None


class Anchor(FrozenConfig):
    """The anchors of one class."""

    class_name: str
    anchor_sizes: Annotated[tuple[tuple[float, float, float]], Field(min_length=1)]
    anchor_rotations: Annotated[tuple[float, ...], Field(min_length=1)]
    anchor_bottom_heights: tuple[float]
    align_center: bool = False
    feature_map_stride: PositiveInt
    matched_threshold: float
    unmatched_threshold: float


class RpnHead(FrozenConfig):
    """One part of a head of several."""

    HEAD_CLS_NAME: Names


class AnchorHeadSection(FrozenConfig):
    """Head with anchors, in one part or several."""

    NAME: Literal["AnchorHeadSingle", "AnchorHeadMulti"]
    CLASS_AGNOSTIC: No = False
    USE_DIRECTION_CLASSIFIER: Literal[True]
    DIR_OFFSET: float
    DIR_LIMIT_OFFSET: Annotated[float, Field(ge=0, le=0)]
    NUM_DIR_BINS: Literal[2]
    USE_MULTIHEAD: bool = False
    SEPARATE_MULTIHEAD: bool = False
    SHARED_CONV_NUM_FILTER: PositiveInt | None = None
    RPN_HEAD_CFGS: tuple[RpnHead, ...] = ()
    ANCHOR_GENERATOR_CONFIG: Annotated[tuple[Anchor, ...], Field(min_length=1)]
    TARGET_ASSIGNER_CONFIG: TargetAssigner = TargetAssigner()
    LOSS_CONFIG: OfTraining = None


class PostProcessing(FrozenConfig):
    """From the maps of a head with anchors to boxes; of a head of centres only measures."""

    SCORE_THRESH: float | None = None
    NMS_CONFIG: Nms | None = None
    OUTPUT_RAW_SCORE: No = False
    MULTI_CLASSES_NMS: OfTraining = None  # nobody reads it here; NMS_CONFIG has it, too
    RECALL_THRESH_LIST: OfTraining = None
    EVAL_METRIC: OfTraining = None
    EVAL_CLASSES: OfTraining = None


class Model(FrozenConfig):
    """The network."""

    NAME: Literal["PointPillar", "SECONDNet", "CenterPoint"]
    VFE: Vfe
    BACKBONE_3D: Backbone3d | None = None
    MAP_TO_BEV: MapToBev
    BACKBONE_2D: Backbone2d
    DENSE_HEAD: Annotated[CenterHeadSection | AnchorHeadSection, Field(discriminator="NAME")]
    POST_PROCESSING: PostProcessing = PostProcessing()
    IGNORE_PRETRAIN_MODULES: OfTraining = None
    IS_TEACHER: OfTraining = None
