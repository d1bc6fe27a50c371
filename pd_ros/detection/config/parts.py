"""The parts of a network that looks from above: encoder, backbone, neck, head, decoding."""

import math
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from pd_ros.detection.config.base import (
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
    """Sparse convolutions over voxels; see ``pd_ros.detection.bev.sparse_encoder``."""

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


def _is_step(stride: float) -> float:
    if not (1 / 64 <= stride < 1 and math.isclose(1 / stride, round(1 / stride))):
        raise ValueError("1 to 64 to upsample by, or 1 / a whole number to downsample by")
    return stride


Step = Annotated[int, Field(gt=0, le=64)] | Annotated[float, AfterValidator(_is_step)]


class NeckConfig(FrozenConfig):
    """Each stage brought to the head's resolution, then concatenation.

    ``strides``: by how much each is upsampled; 0.5: a convolution of stride 2 halves it.
    """

    kind: Literal["joined"] = "joined"
    widths: Widths
    strides: Annotated[tuple[Step, ...], Field(min_length=1, max_length=16)]


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

    ``velocity``: its boxes move: velocity along x and y, m/s.
    """

    kind: Literal["center"] = "center"
    width: Width
    direction: bool = False
    quality: Probability = 0.0
    velocity: bool = False

    @property
    def box_values(self) -> int:
        """Values of one box, without the direction."""
        return 10 if self.velocity else 8


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
    shared: Width | None = None  # width of a 3 x 3 convolution before all maps

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
    """From maps to boxes; where the classes are in groups, both numbers are of each group."""

    max_candidates: Annotated[int, Field(gt=0, le=100_000)] = 500
    score_threshold: Probability = 0.1
    # x, y, z minimum; x, y, z maximum of the boxes' centres, m; None: wherever the maps say
    centre_range_m: (
        tuple[Coordinate, Coordinate, Coordinate, Coordinate, Coordinate, Coordinate] | None
    ) = None
    nms_iou_threshold: Probability = 0.2
    nms_per_class: bool = False  # of anchor heads: objects of two classes may share a place
    max_detections: Annotated[int, Field(gt=0, le=10_000)] = 200

    @model_validator(mode="after")
    def _centres_are_somewhere(self) -> Self:
        limits = self.centre_range_m
        if limits is not None and any(a >= b for a, b in zip(limits[:3], limits[3:], strict=True)):
            raise ValueError(f"centre_range_m: {list(limits)} is empty or reversed")
        return self
