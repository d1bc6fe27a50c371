"""The whole network, and the one place that builds it from a config."""

from typing import TYPE_CHECKING, overload

import torch
from torch import Tensor, nn

from pd_ros.detection.anchor_head import AnchorHead
from pd_ros.detection.backbone import BevBackbone, Neck, PyramidNeck
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.encoder import PillarEncoder
from pd_ros.detection.head import CenterHead
from pd_ros.detection.model_config import AnyModelConfig
from pd_ros.detection.outline import check_weights, outlines
from pd_ros.detection.part_config import AnchorHeadConfig, PillarEncoderConfig, PyramidNeckConfig
from pd_ros.detection.point_config import PointRcnnConfig
from pd_ros.detection.point_rcnn import PointRcnn
from pd_ros.detection.types import HeadMaps, ModelOutput, PillarBatch

if TYPE_CHECKING:  # only networks of voxels need spconv
    from pd_ros.detection.sparse import SparseEncoder


class DenseNetwork(nn.Module):
    """Everything after the canvas: backbone, neck, head."""

    def __init__(
        self, backbone: BevBackbone, neck: Neck | PyramidNeck, head: CenterHead | AnchorHead
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.head = head

    def forward(self, canvas: Tensor) -> tuple[tuple[Tensor, ...], Tensor, HeadMaps]:
        """Canvas ``[B, E, rows, columns]`` -> stages, neck's (finest) map, the head's maps."""
        stages = self.backbone(canvas)
        levels = self.neck(stages)
        return stages, levels[0], self.head_maps(levels)

    def head_maps(self, levels: tuple[Tensor, ...]) -> HeadMaps:
        """The head's maps of the neck's levels, finest first."""
        finest, *coarser = (self.head(level) for level in levels)
        assert isinstance(finest, HeadMaps)
        return finest._replace(coarser=tuple(coarser))


class BevDetector(nn.Module):
    """A detector that looks from above: encoder of pillars or voxels, canvas, dense network."""

    def __init__(self, encoder: "PillarEncoder | SparseEncoder", dense: DenseNetwork) -> None:
        super().__init__()
        self.encoder = encoder
        self.dense = dense
        self.keeps_linear = False  # whether the output has the stages before their last ReLU
        self._format = torch.contiguous_format

    def arrange(self, memory_format: torch.memory_format) -> None:
        """Lay out the dense part's weights and maps in memory; the values stay the same."""
        self._format = memory_format
        self.dense.to(memory_format=memory_format)  # type: ignore[call-overload]

    def forward(self, batch: PillarBatch) -> ModelOutput:
        """All named features and maps of a batch of clouds; no points give an empty canvas."""
        features = self.encoder(batch)
        canvas = self.encoder.canvas(features, batch)
        canvas = canvas.contiguous(memory_format=self._format)
        if self.keeps_linear:
            stages, linear = self.dense.backbone.with_linear(canvas)
            levels = self.dense.neck(stages)
            maps = self.dense.head_maps(levels)
            return ModelOutput(features, batch.cells, stages, levels[0], *maps, linear)
        stages, neck, maps = self.dense(canvas)
        return ModelOutput(features, batch.cells, stages, neck, *maps)


AnyModel = BevDetector | PointRcnn


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
    return _build(config)


def outline_model(config: AnyModelConfig) -> AnyModel:
    """The same without values and memory for them; ``ValueError`` as above."""
    with outlines():
        outline = _build(config)
    check_weights(outline, config.name)
    return outline


def _build(config: AnyModelConfig) -> AnyModel:
    return PointRcnn(config) if isinstance(config, PointRcnnConfig) else _build_bev(config)


def _build_bev(config: ModelConfig) -> BevDetector:
    encoder, shape = _build_encoder(config), config.backbone
    backbone = BevBackbone(config.canvas_channels, shape.widths, shape.layers, shape.strides)
    neck = _build_neck(config)
    head = _build_head(config, neck.out_channels)
    return BevDetector(encoder, DenseNetwork(backbone, neck, head))


def _build_encoder(config: ModelConfig) -> "PillarEncoder | SparseEncoder":
    channels, grid, shape = 3 + len(config.features), config.grid, config.encoder
    if isinstance(shape, PillarEncoderConfig):
        places = config.capacity.max_points_per_pillar if shape.padded else None
        return PillarEncoder(
            channels, shape.widths, grid.range_m, grid.pillar_size_m, grid.size, places
        )
    try:
        from pd_ros.detection.sparse import SparseEncoder  # noqa: PLC0415
    except ImportError as error:
        raise ValueError(
            f"{config.name}: a network of voxels needs spconv, which cannot be imported ({error});"
            " install packaging/requirements/spconv.txt, or spconv==2.3.8 without a GPU"
        ) from None
    size = (grid.layers, *grid.size)
    return SparseEncoder(
        channels,
        size,
        shape.stem,
        shape.widths,
        shape.layers,
        shape.out,
        shape.residual,
        config.canvas_channels,
    )


def _build_neck(config: ModelConfig) -> Neck | PyramidNeck:
    if isinstance(config.neck, PyramidNeckConfig):
        return PyramidNeck(config.backbone.widths, config.neck.width)
    return Neck(config.backbone.widths, config.neck.widths, config.neck.strides)


def _build_head(config: ModelConfig, in_channels: int) -> CenterHead | AnchorHead:
    head = config.head
    if isinstance(head, AnchorHeadConfig):
        classes = len(config.classes)
        return AnchorHead(in_channels, head.per_cell, classes, head.box_values, head.shared)
    quality = head.quality > 0
    return CenterHead(
        in_channels, head.width, config.class_groups, head.direction, quality, head.velocity
    )
