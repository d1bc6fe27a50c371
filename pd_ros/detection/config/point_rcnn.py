"""Config of a PointRCNN; the same rules as for the other networks."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pd_ros.detection.config.base import (
    Coordinate,
    FrozenConfig,
    Length,
    Probability,
    Width,
    Widths,
)
from pd_ros.detection.config.map_memory import check_balls
from pd_ros.detection.config.names import ClassNames, FeatureNames, Name
from pd_ros.detection.config.parts import DecodeConfig

Size = tuple[Length, Length, Length]
Points = Annotated[int, Field(gt=0, le=1_000_000)]


class AbstractionConfig(FrozenConfig):
    """One level of set abstraction: as many balls as networks."""

    points: Points
    radii_m: Annotated[tuple[Length, ...], Field(min_length=1)]
    neighbours: Widths
    widths: Annotated[tuple[Widths, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_network_per_ball(self) -> Self:
        if not len(self.radii_m) == len(self.neighbours) == len(self.widths):
            raise ValueError("radii_m, neighbours and widths: as many of each are needed")
        return self


class ProposalConfig(FrozenConfig):
    """From points' boxes to those that are looked at again."""

    max_candidates: Annotated[int, Field(gt=0, le=100_000)] = 9000
    nms_iou_threshold: Probability = 0.85
    max_proposals: Annotated[int, Field(gt=0, le=10_000)] = 100


class RefinementConfig(FrozenConfig):
    """The second stage: points of a proposal to its box."""

    points: Width = 512
    embedding: Widths  # of a point's own values, as wide as its features at the end
    abstraction: Annotated[tuple[AbstractionConfig, ...], Field(max_length=16)]
    last: Widths  # over all that is left
    head: Widths


class PointRcnnConfig(FrozenConfig):
    """PointRCNN: Shi et al. 2019."""

    kind: Literal["point_rcnn"]
    name: Name
    classes: ClassNames
    features: FeatureNames = ("intensity",)
    range_m: tuple[Coordinate, Coordinate, Coordinate, Coordinate, Coordinate, Coordinate]
    points: Points = 16384  # of a cloud
    near_m: Length = 40.0  # of too many points those nearer than this are drawn
    sizes_m: tuple[Size, ...]  # mean length, width, height of each class
    abstraction: Annotated[tuple[AbstractionConfig, ...], Field(min_length=1, max_length=16)]
    propagation: tuple[Widths, ...]  # to the points of each level, all points first
    head: Widths  # of both branches of the first stage
    proposals: ProposalConfig = ProposalConfig()
    refinement: RefinementConfig
    decode: DecodeConfig = DecodeConfig()

    @model_validator(mode="after")
    def _range_is_none_of_nothing(self) -> Self:
        for axis, start, end in zip("xyz", self.range_m[:3], self.range_m[3:], strict=True):
            if end <= start:
                raise ValueError(f"{axis}: range from {start} to {end} m is empty or reversed")
        return self

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if len(self.sizes_m) != len(self.classes):
            raise ValueError(f"sizes_m: one for each of {list(self.classes)} is needed")
        if len(self.propagation) != len(self.abstraction):
            raise ValueError("propagation: as many levels as in abstraction are needed")
        if self.abstraction[0].points > self.points:
            raise ValueError("abstraction.0.points: more than `points`")
        if self.refinement.embedding[-1] != self.propagation[0][-1]:
            raise ValueError("refinement.embedding: must end as wide as propagation.0")
        check_balls(self)
        return self
