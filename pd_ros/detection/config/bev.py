"""Config of a BEV detector as a whole, and the rules between its parts."""

import math
from itertools import accumulate
from operator import mul
from typing import Self

from pydantic import model_validator

from pd_ros.detection.config.base import FrozenConfig
from pd_ros.detection.config.grid import CapacityConfig, GridConfig
from pd_ros.detection.config.map_memory import check_maps
from pd_ros.detection.config.names import ClassNames, FeatureNames, Name
from pd_ros.detection.config.parts import (
    AnchorHeadConfig,
    AnyNeckConfig,
    BackboneConfig,
    CenterHeadConfig,
    DecodeConfig,
    EncoderConfig,
    HeadConfig,
    NeckConfig,
    PillarEncoderConfig,
    PyramidNeckConfig,
    SparseEncoderConfig,
)


class ModelConfig(FrozenConfig):
    """Everything that the weights decide; travels inside the checkpoint."""

    name: Name
    classes: ClassNames
    # Classes that share candidates, suppression and, in a head of centres, one box of a cell.
    groups: tuple[tuple[str, ...], ...] | None = None  # None: all do
    features: FeatureNames = ("intensity",)  # what follows x, y, z in each point
    grid: GridConfig
    capacity: CapacityConfig = CapacityConfig()
    encoder: EncoderConfig
    backbone: BackboneConfig
    neck: AnyNeckConfig
    head: HeadConfig
    decode: DecodeConfig = DecodeConfig()

    @property
    def range_m(self) -> tuple[float, float, float, float, float, float]:
        """The part of space it sees: x, y, z minimum; x, y, z maximum; metres."""
        return self.grid.range_m

    @property
    def class_groups(self) -> tuple[tuple[int, ...], ...]:
        """Number of each class, group by group."""
        if self.groups is None:
            return (tuple(range(len(self.classes))),)
        return tuple(tuple(self.classes.index(name) for name in group) for group in self.groups)

    @property
    def box_values(self) -> int:
        """Values of one box in the head's map."""
        return self.head.box_values

    @property
    def canvas_stride(self) -> int:
        """Pillars or voxels per cell of the backbone's input, along x and y."""
        return 8 if isinstance(self.encoder, SparseEncoderConfig) else 1

    @property
    def canvas_channels(self) -> int:
        """Channels of the backbone's input."""
        if isinstance(self.encoder, PillarEncoderConfig):
            return self.encoder.widths[-1]
        height = self.grid.layers + 1
        for padding in (1, 1, 0):  # of the three strided convolutions, 3 high
            height = (height + 2 * padding - 3) // 2 + 1
        return self.encoder.out * ((height - 3) // 2 + 1)

    @property
    def canvas_shape(self) -> tuple[int, int, int]:
        """Channels, rows and columns of the backbone's input."""
        rows, columns = (cells // self.canvas_stride for cells in self.grid.size)
        return self.canvas_channels, rows, columns

    @property
    def output_stride(self) -> int:
        """Pillars or voxels per cell of the head's (finest) map, along x and y."""
        return self.level_strides[0]

    @property
    def level_strides(self) -> tuple[int, ...]:
        """The same of each map that the head looks at, finest first."""
        strides = accumulate(self.backbone.strides, mul, initial=self.canvas_stride)
        if isinstance(self.neck, PyramidNeckConfig):
            return tuple(strides)[1:]
        return (round(self.canvas_stride * self.backbone.strides[0] / self.neck.strides[0]),)

    @property
    def output_size(self) -> tuple[int, int]:
        """Rows and columns of the head's map."""
        rows, columns = self.grid.size
        return rows // self.output_stride, columns // self.output_stride

    @property
    def output_cell_m(self) -> tuple[float, float]:
        """Metres per cell of the head's map along x and y."""
        x, y = self.grid.pillar_size_m
        return x * self.output_stride, y * self.output_stride

    @model_validator(mode="after")
    def _stages_fit(self) -> Self:
        lengths = {
            "backbone.widths": len(self.backbone.widths),
            "backbone.layers": len(self.backbone.layers),
            "backbone.strides": len(self.backbone.strides),
        }
        if isinstance(self.neck, NeckConfig):
            lengths["neck.widths"] = len(self.neck.widths)
            lengths["neck.strides"] = len(self.neck.strides)
        if len(set(lengths.values())) != 1:
            raise ValueError(f"one entry per stage is needed everywhere, got {lengths}")
        stride = self.canvas_stride
        for i, step in enumerate(self.backbone.strides):
            stride *= step
            if isinstance(self.neck, PyramidNeckConfig):
                continue
            up = self.neck.strides[i]
            if not math.isclose(stride, up * self.output_stride):
                raise ValueError(
                    f"neck.strides[{i}]: stage {i} is at stride {stride}, upsampling by {up} does"
                    f" not bring it to the first one's stride {self.output_stride}"
                )
        stride = math.lcm(stride, self.output_stride)
        if any(cells % stride for cells in self.grid.size):
            raise ValueError(
                f"grid: {self.grid.size} pillars cannot be divided by the total stride {stride};"
                " change grid.range_m"
            )
        return self

    @model_validator(mode="after")
    def _encoder_fits_the_grid(self) -> Self:
        sparse = isinstance(self.encoder, SparseEncoderConfig)
        if sparse != (self.grid.voxel_height_m is not None):
            raise ValueError(
                "encoder: sparse convolutions need grid.voxel_height_m, pillars must not have it"
            )
        if self.canvas_channels == 0:
            raise ValueError(
                f"grid: {self.grid.layers} voxels above each other are too few for the encoder's"
                " strides; change grid.voxel_height_m"
            )
        return self

    @model_validator(mode="after")
    def _padding_has_an_end(self) -> Self:
        padded = isinstance(self.encoder, PillarEncoderConfig) and self.encoder.padded
        if padded and self.capacity.max_points_per_pillar is None:
            raise ValueError("encoder.padded: capacity.max_points_per_pillar is needed, too")
        return self

    @model_validator(mode="after")
    def _one_anchor_per_class(self) -> Self:
        head = self.head
        if not isinstance(head, AnchorHeadConfig):
            if isinstance(self.neck, PyramidNeckConfig):
                raise ValueError("neck: a pyramid needs a head with anchors")
        elif not head.class_free and len(head.anchors) != len(self.classes):
            raise ValueError(
                f"head.anchors: one for each of the classes {list(self.classes)} is needed, got"
                f" {len(head.anchors)}"
            )
        return self

    @model_validator(mode="after")
    def _groups_fit(self) -> Self:
        if self.groups is None:
            return self
        named = [name for group in self.groups for name in group]
        if sorted(named) != sorted(self.classes) or not all(self.groups):
            raise ValueError(
                f"groups: each of the classes {list(self.classes)} is needed once, got"
                f" {[list(group) for group in self.groups]}"
            )
        if self.decode.nms_per_class:
            raise ValueError("decode.nms_per_class: the groups say it already; remove one of them")
        return self

    @model_validator(mode="after")
    def _yaw_is_told_in_one_way(self) -> Self:
        head = self.head
        if not isinstance(head, CenterHeadConfig) or not (head.direction or head.quality):
            return self
        if head.velocity or len(self.class_groups) > 1:
            raise ValueError(
                "head: direction and quality are of heads without velocity and of one group of"
                " classes; remove them"
            )
        return self

    @model_validator(mode="after")
    def _fits_into_memory(self) -> Self:
        check_maps(self)
        return self
