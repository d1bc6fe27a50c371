"""The dense part of a detector with a centre head on a CPU: boxes of the candidates alone."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pd_ros.detection.bev.center_head import CenterHead
from pd_ros.detection.bev.detector import DenseNetwork
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.inference.row_counts import filled_up
from pd_ros.detection.types import CellValues, OnStage


class _Branches:
    """Branches of two 3 x 3 convolutions as one, for single cells; batch norm is folded."""

    def __init__(self, branches: list[nn.Sequential]) -> None:
        first, last = zip(*((branch[0], branch[-1]) for branch in branches), strict=True)
        self._first = torch.cat([layer.weight.flatten(1) for layer in first]).T  # [C * 9, hidden]
        self._first_bias = torch.cat([layer.bias for layer in first])
        # Each branch looks at its own part of what is hidden.
        blocks = [layer.weight.permute(2, 3, 1, 0).flatten(0, 1) for layer in last]  # [9, C, out]
        joined = [torch.block_diag(*each) for each in zip(*blocks, strict=True)]  # type: ignore[no-untyped-call]
        self._last = torch.cat(joined)  # [9 * hidden, out]
        self._last_bias = torch.cat([layer.bias for layer in last])

    def __call__(self, shared: Tensor, cells: Tensor) -> Tensor:
        """Values ``[M, out]`` in cells ``[M]``, counted row by row, of a map ``[1, C, H, W]``."""
        asked, cells = len(cells), filled_up(cells)
        patches, inside = _surroundings(shared, cells)
        rows = patches.unfold(1, 3, 1).unfold(2, 3, 1).reshape(9 * len(cells), len(self._first))
        hidden = torch.addmm(self._first_bias, rows, self._first).relu_()
        hidden = hidden.view(len(cells), 9, len(self._first_bias))
        # The second convolution finds nothing beyond the border either.
        hidden.masked_fill_(~inside[:, 1:4, 1:4].reshape(-1, 9, 1), 0)
        return torch.addmm(self._last_bias, hidden.flatten(1), self._last)[:asked]


def _surroundings(shared: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
    """The 5 x 5 cells around each: ``[M, 5, 5, C]``, 0 outside of the map; which are inside."""
    rows, columns = shared.shape[2:]
    row = torch.div(cells, columns, rounding_mode="floor")
    steps = torch.arange(-2, 3)
    near_row, near_column = row[:, None] + steps, (cells - row * columns)[:, None] + steps
    inside = ((near_row >= 0) & (near_row < rows))[:, :, None]
    inside = inside & ((near_column >= 0) & (near_column < columns))[:, None]
    near_row, near_column = near_row.clamp(0, rows - 1), near_column.clamp(0, columns - 1)
    values = shared[0].permute(1, 2, 0)[near_row[:, :, None], near_column[:, None]]
    return values.masked_fill_(~inside[..., None], 0), inside


@dataclass(frozen=True)
class CenterMaps:
    """``CellMaps`` of one sample, boxes and directions worked out where they are asked for."""

    heatmap: Tensor  # [1, K, H, W] logits
    quality: Tensor | None  # [1, 1, H, W] logits
    shared: Tensor  # [1, C, H, W] what the branches look at
    branches: _Branches
    box_values: int

    @property
    def levels(self) -> "tuple[CenterMaps, ...]":
        """See ``CellMaps``."""
        return (self,)

    def at(self, sample: int, cells: Tensor) -> CellValues:
        """See ``CellMaps``; there is one sample."""
        assert sample == 0
        values = self.branches(self.shared, cells).float()
        box, direction = values[:, : self.box_values], values[:, self.box_values :]
        return CellValues(box, direction if direction.shape[1] else None)


class CenterDense:
    """torch, layer by layer; heatmap and quality everywhere, the rest where it is asked for.

    The network, batch norm folded, is changed for it.
    """

    def __init__(self, dense: DenseNetwork, precision: torch.dtype, box_values: int) -> None:
        dense = dense.to(precision)
        self._dense: DenseNetwork = dense.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        head = dense.head
        assert isinstance(head, CenterHead)
        self._head = head
        self._box_values = box_values
        branches = [head.offset, head.height, head.size, head.rotation]
        self._branches = _Branches(branches + ([head.velocity] if head.velocity else []))

    def __call__(self, canvas: Tensor, on_stage: OnStage, /) -> CenterMaps:
        """The maps, in the precision."""
        levels = self._dense.neck(self._dense.backbone(canvas))
        on_stage("backbone_neck")
        shared = self._head.shared(levels[0])
        quality = None if self._head.quality is None else self._head.quality(shared)
        heatmap = self._head.heatmap(shared)
        on_stage("head")
        return CenterMaps(heatmap, quality, shared, self._branches, self._box_values)


def few_cells_suffice(config: ModelConfig) -> bool:
    """Whether working out single cells costs less than the map does.

    In the 3 x 3 cells around each candidate the hidden layers are worked out anew, and for all
    groups of classes, whichever the candidate is of.
    """
    rows, columns = config.output_size
    return len(config.class_groups) == 1 and 9 * config.decode.max_candidates <= rows * columns
