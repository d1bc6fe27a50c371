"""The dense part of a detector with anchors on a CPU: of the head no more than is looked at."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pd_ros.detection.bev.anchor_head import AnchorHead
from pd_ros.detection.bev.backbone import Neck
from pd_ros.detection.bev.detector import DenseNetwork
from pd_ros.detection.inference.row_counts import filled_up
from pd_ros.detection.types import CellValues, OnStage


class _Linear:
    """1 x 1 convolutions of the same input as one matrix, for rows of cells."""

    def __init__(self, *convolutions: nn.Conv2d) -> None:
        weights = [layer.weight.flatten(1).T for layer in convolutions]
        biases = [layer.bias for layer in convolutions if layer.bias is not None]
        self.weight = torch.cat(weights, dim=1)  # [C, out]
        self.bias = torch.cat(biases)
        self.widths = [weight.shape[1] for weight in weights]

    def of_parts(self, parts: list[Tensor]) -> Tensor:
        """Of rows ``[N, C_i]`` that would be joined: ``[N, out]``; rounding apart as if they were.

        ``[x y] @ W`` is ``x @ W_x + y @ W_y``: no map of all channels is written and read again.
        """
        weights = torch.split(self.weight, [part.shape[1] for part in parts])
        sums = torch.addmm(self.bias, parts[0], weights[0])
        for part, weight in zip(parts[1:], weights[1:], strict=True):
            sums.addmm_(part, weight)
        return sums


@dataclass(frozen=True)
class AnchorMaps:
    """``CellMaps`` of one sample, boxes and directions worked out where they are asked for."""

    heatmap: Tensor  # [1, A * K, H, W] logits
    parts: list[Tensor]  # [H * W, C_i] what the rest of the head looks at
    rest: _Linear
    coarser: "tuple[AnchorMaps, ...]" = ()
    quality: None = None

    @property
    def levels(self) -> "tuple[AnchorMaps, ...]":
        """See ``CellMaps``."""
        return self, *self.coarser

    def at(self, sample: int, cells: Tensor) -> CellValues:
        """See ``CellMaps``; there is one sample."""
        assert sample == 0
        places = filled_up(cells)
        rows = torch.cat([part.index_select(0, places) for part in self.parts], dim=1)
        values = torch.addmm(self.rest.bias, rows, self.rest.weight)[: len(cells)].float()
        box, direction = torch.split(values, self.rest.widths, dim=1)
        return CellValues(box, direction)


class AnchorDense:
    """torch, layer by layer; the head's 1 x 1 convolutions on each map that the neck would join.

    Class logits are worked out everywhere, the rest where the decoder asks for it. The network,
    batch norm folded, is changed for it.
    """

    def __init__(self, dense: DenseNetwork, precision: torch.dtype) -> None:
        dense = dense.to(precision)
        self._dense: DenseNetwork = dense.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        assert isinstance(dense.head, AnchorHead)
        self._shared = dense.head.shared
        self._classes = _Linear(dense.head.classes)
        self._rest = _Linear(dense.head.box, dense.head.direction)

    def __call__(self, canvas: Tensor, on_stage: OnStage, /) -> AnchorMaps:
        """The maps, in the precision."""
        levels = self._levels(self._dense.backbone(canvas))
        on_stage("backbone_neck")
        finest, *coarser = (self._maps(parts) for parts in levels)
        on_stage("head")
        return AnchorMaps(finest.heatmap, finest.parts, finest.rest, tuple(coarser))

    def _levels(self, stages: tuple[Tensor, ...]) -> list[list[Tensor]]:
        """The maps of each level that the head looks at together, finest level first."""
        neck = self._dense.neck
        if self._shared is None and isinstance(neck, Neck):
            return [neck.parts(stages)]
        return [[level] for level in neck(stages)]

    def _maps(self, parts: list[Tensor]) -> AnchorMaps:
        if self._shared is not None:
            parts = [self._shared(part) for part in parts]
        rows = [part.permute(0, 2, 3, 1).flatten(0, 2) for part in parts]
        logits = self._classes.of_parts(rows).view(1, *parts[0].shape[2:], -1)
        return AnchorMaps(logits.permute(0, 3, 1, 2), rows, self._rest)
