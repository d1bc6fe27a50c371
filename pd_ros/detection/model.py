"""The whole network, and the one place that builds it from a config."""

import torch
from torch import Tensor, nn

from pd_ros.detection.backbone import BevBackbone, Neck
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.encoder import PillarEncoder, scatter_to_canvas
from pd_ros.detection.head import CenterHead
from pd_ros.detection.types import ModelOutput, PillarBatch


class DenseNetwork(nn.Module):
    """Everything after the canvas: backbone, neck, head."""

    def __init__(self, backbone: BevBackbone, neck: Neck, head: CenterHead) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.head = head

    def forward(self, canvas: Tensor) -> tuple[tuple[Tensor, ...], Tensor, Tensor, Tensor]:
        """Canvas ``[B, E, rows, columns]`` -> stages, neck's map, heatmap logits, box map."""
        stages = self.backbone(canvas)
        neck = self.neck(stages)
        heatmap, box = self.head(neck)
        return stages, neck, heatmap, box


class CenterPoint(nn.Module):
    """CenterPoint on pillars: encoder, canvas, dense network."""

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
        stages, neck, heatmap, box = self.dense(canvas.contiguous(memory_format=self._format))
        return ModelOutput(features, batch.cells, stages, neck, heatmap, box)


def build_model(config: ModelConfig) -> CenterPoint:
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
    head = CenterHead(neck.out_channels, config.head.width, len(config.classes))
    return CenterPoint(encoder, DenseNetwork(backbone, neck, head), config.grid.size)
