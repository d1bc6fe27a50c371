"""The parts of a network that looks from above: encoder, backbone, neck, head, decoding."""

from typing import Annotated, Literal

from pydantic import Field

from pd_ros.detection.frozen_config import (
    Angle,
    Coordinate,
    Depth,
    FrozenConfig,
    Length,
    Overlap,
    Probability,
    Strides,
    Width,
    Widths,
    by_kind,
    of_kind,
)


class PillarEncoderConfig(FrozenConfig):
    """Pillar feature network: one width per layer (SparseKD's pillars: 64, 64).

    ``padded``: places of a pillar that no point took count as points of zeros, in that their
    features join its maximum. So it is in OpenPCDet's ``PillarVFE``, but not in its dynamic one.
    """

    kind: Literal["pillars"] = "pillars"
    widths: Widths
    padded: bool = False


SparseDepth = Annotated[Depth, Field(gt=0)]


class SparseEncoderConfig(FrozenConfig):
    """Sparse convolutions over voxels; see ``pd_ros.detection.sparse``."""

    kind: Literal["sparse"]
    stem: Width
    widths: tuple[Width, Width, Width, Width]
    layers: tuple[SparseDepth, SparseDepth, SparseDepth, SparseDepth]
    out: Width
    residual: bool = False


EncoderConfig = Annotated[
    Annotated[PillarEncoderConfig, of_kind("pillars")]
    | Annotated[SparseEncoderConfig, of_kind("sparse")],
    by_kind("pillars"),
]


class BackboneConfig(FrozenConfig):
    """Stages of 3 x 3 convolutions: a strided one, then ``layers`` more at the same width."""

    widths: Widths
    layers: Annotated[tuple[Depth, ...], Field(min_length=1)]
    strides: Strides


class NeckConfig(FrozenConfig):
    """Upsampling of each stage to the head's resolution, then concatenation."""

    kind: Literal["joined"] = "joined"
    widths: Widths
    strides: Strides


class PyramidNeckConfig(FrozenConfig):
    """Feature pyramid: a map of each stage's own resolution; one head looks at all of them."""

    kind: Literal["pyramid"]
    width: Width


AnyNeckConfig = Annotated[
    Annotated[NeckConfig, of_kind("joined")] | Annotated[PyramidNeckConfig, of_kind("pyramid")],
    by_kind("joined"),
]


class CenterHeadConfig(FrozenConfig):
    """CenterPoint head: width of the shared convolution and of each branch.

    ``direction``: the yaw is told as an axis, by cos and sin of twice the yaw, and beside it which
    way along the axis the object looks. Without, cos and sin of the yaw say both, and L1 gives a
    symmetric object neither.

    ``quality``: share of the overlap that a box expects to have with its object in the box's
    score, ``class ** (1 - quality) * overlap ** quality`` (PillarNet section 3.3). 0: it expects
    none.
    """

    kind: Literal["center"] = "center"
    width: Width
    direction: bool = False
    quality: Probability = 0.0


class AnchorConfig(FrozenConfig):
    """One anchor of a cell, and which overlaps make it an example."""

    size_m: tuple[Length, Length, Length]  # length, width, height
    bottom_m: Coordinate  # z of its underside
    matched_iou: Overlap  # an anchor of this overlap or more learns the object
    unmatched_iou: Overlap  # one of less is background; those between do not count


class AnchorHeadConfig(FrozenConfig):
    """Anchor head (SECOND, PointPillars): one anchor per class, in the order of ``classes``.

    Or anchors of no class, as many as one likes. On a feature pyramid, anchors are those of the
    finest level, and grow with the cells of the others.
    """

    kind: Literal["anchors"]
    anchors: Annotated[tuple[AnchorConfig, ...], Field(min_length=1, max_length=1000)]
    rotations_rad: Annotated[tuple[Angle, ...], Field(min_length=1, max_length=64)] = (0.0, 1.57)
    direction_offset_rad: Angle = 0.78539  # where the half turns that it tells apart begin
    class_free: bool = False  # any anchor may learn an object of any class
    nearest_iou: Probability = 0.0  # least overlap at which an object's nearest anchors learn it
    at_cell_centres: bool = False  # else from border to border of the range, as OpenPCDet has it
    velocity: bool = False  # its boxes move: velocity along x and y, m/s

    @property
    def per_cell(self) -> int:
        """Anchors of a cell."""
        return len(self.anchors) * len(self.rotations_rad)

    @property
    def box_values(self) -> int:
        """Values of one box."""
        return 9 if self.velocity else 7


HeadConfig = Annotated[
    Annotated[CenterHeadConfig, of_kind("center")]
    | Annotated[AnchorHeadConfig, of_kind("anchors")],
    by_kind("center"),
]


class DecodeConfig(FrozenConfig):
    """From maps to boxes."""

    max_candidates: Annotated[int, Field(gt=0, le=100_000)] = 500
    score_threshold: Probability = 0.1
    nms_iou_threshold: Probability = 0.2
    nms_per_class: bool = False  # of anchor heads: objects of two classes may share a place
    max_detections: Annotated[int, Field(gt=0, le=10_000)] = 200
