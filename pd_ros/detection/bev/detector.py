"""The whole BEV detector: encoder of pillars or voxels, canvas, dense network."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pd_ros.detection.bev.anchor_head import AnchorHead
from pd_ros.detection.bev.backbone import BevBackbone, Neck, PyramidNeck
from pd_ros.detection.bev.center_head import CenterHead
from pd_ros.detection.bev.pillar_encoder import PillarEncoder
from pd_ros.detection.types import HeadMaps, ModelOutput, PillarBatch

if TYPE_CHECKING:  # only networks of voxels need spconv
    from pd_ros.detection.bev.sparse_encoder import SparseEncoder


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
