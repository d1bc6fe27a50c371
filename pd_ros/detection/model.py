"""The whole network, and the one place that builds it from a config."""

import torch
from torch import Tensor, nn

from pd_ros.detection.anchor_head import AnchorHead
from pd_ros.detection.backbone import BevBackbone, Neck
from pd_ros.detection.config import AnchorHeadConfig, ModelConfig
from pd_ros.detection.encoder import PillarEncoder, scatter_to_canvas
from pd_ros.detection.head import CenterHead
from pd_ros.detection.types import HeadMaps, ModelOutput, PillarBatch


class DenseNetwork(nn.Module):
    """Everything after the canvas: backbone, neck, head."""

    def __init__(self, backbone: BevBackbone, neck: Neck, head: CenterHead | AnchorHead) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.head = head

    def forward(self, canvas: Tensor) -> tuple[tuple[Tensor, ...], Tensor, HeadMaps]:
        """Canvas ``[B, E, rows, columns]`` -> stages, neck's map, the head's maps."""
        stages = self.backbone(canvas)
        neck = self.neck(stages)
        return stages, neck, self.head(neck)


class PillarDetector(nn.Module):
    """A detector on pillars (PointPillars, CenterPoint): encoder, canvas, dense network."""

    def __init__(
        self, encoder: PillarEncoder, dense: DenseNetwork, canvas_size: tuple[int, int]
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.dense = dense
        self.canvas_size = canvas_size
        self._format = torch.contiguous_format

    def arrange(self, memory_format: torch.memory_format) -> None:
        """Lay out the dense part's weights and maps in memory; the values stay the same."""
        self._format = memory_format
        self.dense.to(memory_format=memory_format)  # type: ignore[call-overload]

    def forward(self, batch: PillarBatch) -> ModelOutput:
        """All named features and maps of a batch of clouds; zero pillars give an empty canvas."""
        features = self.encoder(batch)
        canvas = scatter_to_canvas(features, batch.cells, batch.batch_size, self.canvas_size)
        stages, neck, maps = self.dense(canvas.contiguous(memory_format=self._format))
        return ModelOutput(features, batch.cells, stages, neck, *maps)


def build_model(config: ModelConfig) -> PillarDetector:
    """Network of a config, with fresh weights."""
    encoder = PillarEncoder(
        3 + len(config.features),
        config.encoder.widths,
        config.grid.range_m,
        config.grid.pillar_size_m,
    )
    shape = config.backbone
    backbone = BevBackbone(encoder.out_channels, shape.widths, shape.layers, shape.strides)
    neck = Neck(shape.widths, config.neck.widths, config.neck.strides)
    head = _build_head(config, neck.out_channels)
    return PillarDetector(encoder, DenseNetwork(backbone, neck, head), config.grid.size)


def _build_head(config: ModelConfig, in_channels: int) -> CenterHead | AnchorHead:
    head, classes = config.head, len(config.classes)
    if isinstance(head, AnchorHeadConfig):
        return AnchorHead(in_channels, classes * len(head.rotations_rad), classes)
    return CenterHead(in_channels, head.width, classes)
