"""Points to the canvas on a CPU: sorted and encoded by compiled loops, nothing in between."""

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.config.grid import CapacityConfig, GridConfig
from pd_ros.detection.inference.compiled.machine_code import Kernel, load_kernel
from pd_ros.detection.types import Clipped, OnStage

if TYPE_CHECKING:  # which imports this folder
    from pd_ros.detection.inference.folded_encoder import FoldedPillarEncoder

_SORT = Kernel(
    "pillar_kernels",
    "sort_points",
    ("float32[]", "int", "int", "float32[]", *["int"] * 5, *["int32[]"] * 5, "float32[]",
     "int64[]"),
)  # fmt: skip
_ENCODE = Kernel(
    "pillar_kernels",
    "encode_pillars",
    ("float32[]", "int", "int", *["int32[]"] * 3, "int", "int", "float32[]", "int", "int32[]",
     "float32[]", "int", "int", "float32[]", "uint32[]", "int", "int", "int", "float32[]",
     "uint16[]", "int", "int"),
)  # fmt: skip
_LANES = 8  # channels of a block, see ``pillar_kernels``
_GROWTH = 1.25  # of buffers that are too small


class _Sorted(NamedTuple):
    """One cloud in its pillars, in buffers that are longer."""

    points: Tensor  # [.., 3 + C] float32, pillar by pillar
    cells: Tensor  # [..] int32
    counts: Tensor  # [..] int32
    ends: Tensor  # [..] int32
    pillars: int
    most: int  # points in one pillar
    clipped: Clipped


class PillarCanvas:
    """A folded pillar encoder from a cloud to its canvas, in one thread.

    The canvas is as that of ``pillarize`` and ``FoldedPillarEncoder`` but for rounding.
    """

    def __init__(
        self,
        encoder: "FoldedPillarEncoder",
        grid: GridConfig,
        capacity: CapacityConfig,
        precision: torch.dtype,
    ) -> None:
        self._sort, self._encode = load_kernel(_SORT), load_kernel(_ENCODE)
        self._capacity = capacity
        self._rows, self._columns = grid.size
        self._limits, self._geometry = _limits(grid), _geometry(grid)
        self._blocks, self._weights = _pack(encoder)
        self._places = encoder.places or 0
        self._channels = encoder.channels
        self._precision = precision
        cells = self._rows * self._columns
        self._table = torch.zeros(cells, dtype=torch.int32)
        # Half precisions but bfloat16 are made from float32.
        kind = precision if precision == torch.bfloat16 else torch.float32
        self._flat = torch.zeros(cells, self._channels, dtype=kind)
        self._written = torch.zeros(0, dtype=torch.int64)
        self._buffers = _Buffers()

    def __call__(self, cloud: Tensor, on_stage: OnStage) -> tuple[Tensor | None, Clipped]:
        """The canvas ``[1, C, rows, columns]`` of a cloud ``[N, 3 + F]``, valid until the next.

        None of a cloud without a point in range.
        """
        ordered = self._sort_points(cloud.contiguous())
        on_stage("voxelise")
        if not ordered.pillars:
            return None, ordered.clipped
        flat = self._write(ordered)
        canvas = flat.view(1, self._rows, self._columns, -1).permute(0, 3, 1, 2)
        canvas = canvas.to(self._precision)
        on_stage("encode")
        return canvas, ordered.clipped

    def _sort_points(self, cloud: Tensor) -> _Sorted:
        count, width = cloud.shape
        grown = self._buffers.of_points(count, width)
        capacity, result = self._capacity, torch.zeros(4, dtype=torch.int64)
        self._sort(
            cloud.data_ptr(), count, width, self._limits.data_ptr(), self._rows, self._columns,
            capacity.max_points, capacity.max_pillars, capacity.max_points_per_pillar or count,
            self._table.data_ptr(), *(values.data_ptr() for values in grown), result.data_ptr(),
        )  # fmt: skip
        pillars, beyond, homeless, most = result.tolist()
        _, cells, counts, ends, points = grown
        return _Sorted(points, cells, counts, ends, pillars, most, Clipped(beyond, homeless))

    def _write(self, ordered: _Sorted) -> Tensor:
        """The cells ``[rows * columns, C]`` with those of this cloud alone."""
        flat = self._flat.index_fill_(0, self._written, 0)
        most, widest = ordered.most + 1, int(self._blocks.max())  # one more for empty places
        scratch = self._buffers.of_rows((2 * most + 3) * widest * _LANES)
        self._encode(
            ordered.points.data_ptr(), *ordered.points.shape,
            ordered.cells.data_ptr(), ordered.counts.data_ptr(), ordered.ends.data_ptr(),
            ordered.pillars, self._columns, self._geometry.data_ptr(),
            len(self._blocks), self._blocks.data_ptr(), self._weights.data_ptr(),
            len(self._weights), self._places, scratch.data_ptr(), scratch.data_ptr(), most, widest,
            self._channels, flat.data_ptr(), flat.data_ptr(), len(flat),
            int(flat.dtype == torch.bfloat16),
        )  # fmt: skip
        self._written = ordered.cells[: ordered.pillars].long()
        return flat


class _Buffers:
    """Memory of the last cloud, kept for the next; its values mean nothing."""

    def __init__(self) -> None:
        self._points: tuple[Tensor, ...] = ()
        self._rows = torch.empty(0)

    def of_points(self, count: int, width: int) -> tuple[Tensor, ...]:
        """Four integers and ``width`` values for each of at least ``count`` points."""
        if not self._points or len(self._points[0]) < count:
            room = int(_GROWTH * count)
            integers = [torch.empty(room, dtype=torch.int32) for _ in range(4)]
            self._points = (*integers, torch.empty(room, width))
        return self._points

    def of_rows(self, count: int) -> Tensor:
        """At least ``count`` values."""
        if len(self._rows) < count:
            self._rows = torch.empty(int(_GROWTH * count))
        return self._rows


def _limits(grid: GridConfig) -> Tensor:
    """Range of the points, corner of the grid, size of a cell: ``[10]`` m."""
    return torch.tensor([*grid.point_range_m, *grid.range_m[:2], *grid.pillar_size_m])


def _geometry(grid: GridConfig) -> Tensor:
    """Corner of the grid and size of a pillar: ``[6]`` m."""
    height = grid.range_m[5] - grid.range_m[2]
    return torch.tensor([*grid.range_m[:3], *grid.pillar_size_m, height])


def _pack(encoder: "FoldedPillarEncoder") -> tuple[Tensor, Tensor]:
    """Blocks of each layer ``[L]`` int32, and all weights ``[.., 8]`` as ``encode_pillars`` wants.

    Channels that fill up a block are always 0.
    """
    blocks: list[int] = []
    parts: list[Tensor] = []
    for layer in encoder.layers:
        for matrix in (layer.of_point, layer.of_pillar):
            # Behind the first layer points and pillars come in whole blocks.
            parts.append(_in_blocks(matrix, blocks[-1] * _LANES if blocks else len(matrix)))
        parts.append(_in_blocks(layer.bias[None], 1))
        blocks.append(-(-len(layer.bias) // _LANES))
    return torch.tensor(blocks, dtype=torch.int32), torch.cat(parts).contiguous()


def _in_blocks(matrix: Tensor, rows: int) -> Tensor:
    """A matrix ``[I, O]``, with zeros up to ``rows`` and whole blocks: ``[blocks * rows, 8]``."""
    blocks = -(-matrix.shape[1] // _LANES)
    padded = matrix.new_zeros(rows, blocks * _LANES)
    padded[: len(matrix), : matrix.shape[1]] = matrix
    return padded.view(rows, blocks, _LANES).transpose(0, 1).reshape(-1, _LANES)
