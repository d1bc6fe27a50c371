"""The one place that builds a BEV detector from its config."""

from typing import TYPE_CHECKING

from pd_ros.detection.bev.anchor_head import AnchorHead
from pd_ros.detection.bev.backbone import BevBackbone, Neck, PyramidNeck
from pd_ros.detection.bev.center_head import CenterHead
from pd_ros.detection.bev.detector import BevDetector, DenseNetwork
from pd_ros.detection.bev.pillar_encoder import PillarEncoder
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import AnchorHeadConfig, PillarEncoderConfig, PyramidNeckConfig

if TYPE_CHECKING:  # only networks of voxels need spconv
    from pd_ros.detection.bev.sparse_encoder import SparseEncoder


def build_bev(config: ModelConfig) -> BevDetector:
    """Network of a config with fresh weights.

    Raises ``ValueError`` for a network of voxels where spconv is not installed.
    """
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
        from pd_ros.detection.bev.sparse_encoder import SparseEncoder  # noqa: PLC0415
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
