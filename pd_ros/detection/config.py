"""What a network that looks from above is, whole, and the rules between its parts."""

from itertools import accumulate
from operator import mul
from typing import Annotated, Self

from pydantic import Field, model_validator

from pd_ros.detection.frozen_config import FrozenConfig, Name
from pd_ros.detection.grid_config import CapacityConfig, GridConfig
from pd_ros.detection.part_config import (
    AnchorHeadConfig,
    AnyNeckConfig,
    BackboneConfig,
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
    classes: Annotated[tuple[Name, ...], Field(min_length=1)]
    features: tuple[Name, ...] = ("intensity",)  # what follows x, y, z in each point
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
        return (self.canvas_stride * self.backbone.strides[0] // self.neck.strides[0],)

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
            if stride != up * self.output_stride:
                raise ValueError(
                    f"neck.strides[{i}]: stage {i} is at stride {stride}, upsampling by {up} does"
                    f" not bring it to the first one's stride {self.output_stride}"
                )
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
    def _names_differ(self) -> Self:
        for where, names in (("classes", self.classes), ("features", self.features)):
            if len(set(names)) != len(names):
                raise ValueError(f"{where}: names must differ, got {list(names)}")
        return self
