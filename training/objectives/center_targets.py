"""Boxes -> what the CenterPoint head should say (CenterPoint section 3; CornerNet's radius)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.bev.decode_center import tells_direction
from pd_ros.detection.boxes import points_in_boxes
from pd_ros.detection.config.bev import ModelConfig
from training.datasets.frame import Labels

_MIN_OVERLAP = 0.1
_MIN_RADIUS = 2
# From a sample's number, boxes [N, 7] and classes [N] to columns and rows [N, 2].
Place = Callable[[int, Tensor, Tensor], Tensor]


class Cells(NamedTuple):
    """Cells of the output map that learn a box, and how much each counts."""

    cell: Tensor  # [M] int64, row * columns + column
    box: Tensor  # [M, 8] as in ModelOutput.box
    facing: Tensor  # [M, 2] cos and sin of the object's yaw
    weight: Tensor  # [M] 1 at an object's centre, less beside it


class Targets(NamedTuple):
    """Targets of a batch; ``M`` cells that learn a box, over all samples."""

    heatmap: Tensor  # [B, K, H, W] Gaussians, 1 at object centres
    counted: Tensor  # [B, H, W] bool, false inside ignored boxes
    sample: Tensor  # [M] int64
    cell: Tensor  # [M] int64, row * columns + column
    box: Tensor  # [M, 8] as in ModelOutput.box
    facing: Tensor  # [M, 2] cos and sin of the object's yaw
    weight: Tensor  # [M] in (0, 1]


def make_targets(
    labels: Sequence[Labels],
    config: ModelConfig,
    box_radius: int = 0,
    shared_cells: bool = False,
    place: Place | None = None,
) -> Targets:
    """Targets of a batch of frames; objects whose centre is out of range are left out.

    ``box_radius``, ``shared_cells``: see :func:`box_cells`. ``place``: where each object's peak
    is, if not in the cell of its centre.
    """
    rows, columns = config.output_size
    heatmap = torch.zeros(len(labels), len(config.classes), rows, columns)
    counted = torch.ones(len(labels), rows, columns, dtype=torch.bool)
    samples, found = [], []
    for i, frame in enumerate(labels):
        kept = _in_range(frame.boxes, config)
        boxes, classes = frame.boxes[kept], frame.classes[kept]
        centre = place(i, boxes, classes) if place else centre_cells(boxes, config)
        _draw(heatmap[i], boxes, classes, centre, config)
        counted[i] = ~covered_cells(frame.ignored, config)
        found.append(box_cells(boxes, config, box_radius, shared_cells, centre))
        samples.append(torch.full_like(found[-1].cell, i))
    counted |= heatmap.amax(dim=1) > 0  # an object beside an ignored one still counts
    cells = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Targets(heatmap, counted, torch.cat(samples), *cells)


def box_cells(
    boxes: Tensor,
    config: ModelConfig,
    radius: int,
    shared_cells: bool = False,
    centre: Tensor | None = None,
) -> Cells:
    """Cells that learn the boxes ``[N, 7]``: those within ``radius`` rows and columns of a centre.

    ``centre``: ``[N, 2]`` column and row; None: the cells that the boxes' centres are in.
    0 is CenterPoint's rule, one cell per object. With more, each object teaches its neighbourhood
    too, weighted by a Gaussian, which makes far fewer steps do (TTFNet section 3.3). A cell
    between two objects learns the one whose centre is nearer; with ``shared_cells``, both.
    """
    rows, columns = config.output_size
    step = torch.arange(-radius, radius + 1)
    around = torch.cartesian_prod(step, step).view(-1, 2)
    centre = centre_cells(boxes, config) if centre is None else centre
    column_row = (centre[:, None] + around).flatten(0, 1)
    inside = ((column_row >= 0) & (column_row < torch.tensor([columns, rows]))).all(dim=1)
    sigma = (radius + 1) / 2
    weight = torch.exp(-(around.float() ** 2).sum(dim=1) / (2 * sigma * sigma))
    weight, column_row = weight.repeat(len(boxes))[inside], column_row[inside]
    owner = torch.arange(len(boxes)).repeat_interleave(len(around))[inside]
    cell = column_row[:, 1] * columns + column_row[:, 0]
    first = torch.arange(len(cell)) if shared_cells else heaviest_of_each(cell, weight)
    column_row, mine = column_row[first], boxes[owner[first]]
    facing = _cos_sin(mine[:, 6:])
    return Cells(cell[first], encode_at(column_row, mine, config), facing, weight[first])


def gaussian_radius(length_cells: float, width_cells: float) -> int:
    """Cells by which a centre may be off while the box still overlaps by ``_MIN_OVERLAP``.

    The smallest of CornerNet's three cases: both corners inside, both outside, one of each.
    """
    total, area = length_cells + width_cells, length_cells * width_cells
    o = _MIN_OVERLAP
    cases = (
        (1.0, total, area * (1 - o) / (1 + o)),
        (4.0, 2 * total, (1 - o) * area),
        (4 * o, -2 * o * total, (o - 1) * area),
    )
    radius = min((b + (b * b - 4 * a * c) ** 0.5) / 2 for a, b, c in cases)
    return max(_MIN_RADIUS, int(radius))


def _in_range(boxes: Tensor, config: ModelConfig) -> Tensor:
    lower = boxes.new_tensor(config.grid.range_m[:2])
    upper = boxes.new_tensor(config.grid.range_m[3:5])
    return ((boxes[:, :2] >= lower) & (boxes[:, :2] < upper)).all(dim=1)


def _position(boxes: Tensor, config: ModelConfig) -> Tensor:
    """Centres in cells: ``[N, 2]``, column and row."""
    position = boxes[:, :2] - boxes.new_tensor(config.grid.range_m[:2])
    return position / boxes.new_tensor(config.output_cell_m)


def centre_cells(boxes: Tensor, config: ModelConfig) -> Tensor:
    """The cell each centre is in, ``[N, 2]`` column and row; rounding never leaves the map."""
    rows, columns = config.output_size
    return torch.minimum(_position(boxes, config).long(), torch.tensor([columns - 1, rows - 1]))


def heaviest_of_each(cell: Tensor, weight: Tensor) -> Tensor:
    """Index of the heaviest entry of every cell, cells in rising order."""
    heavy = weight.argsort(descending=True, stable=True)
    order = heavy[cell[heavy].argsort(stable=True)]
    ranked = cell[order]
    return order[torch.cat((ranked.new_ones(len(ranked[:1])).bool(), ranked[1:] != ranked[:-1]))]


def encode_at(cells: Tensor, boxes: Tensor, config: ModelConfig) -> Tensor:
    """Encode boxes ``[M, 7]`` as cells ``[M, 2]`` (column, row) should say them: ``[M, 8]``."""
    offset = _position(boxes, config) - cells
    turns = 2 if tells_direction(config) else 1
    axis = _cos_sin(turns * boxes[:, 6:])
    return torch.cat((offset, boxes[:, 2:3], boxes[:, 3:6].log(), axis), dim=1)


def _cos_sin(angle_rad: Tensor) -> Tensor:
    """``[M, 1]`` -> ``[M, 2]``."""
    return torch.cat((angle_rad.cos(), angle_rad.sin()), dim=1)


def radius_of(box: Tensor, config: ModelConfig) -> int:
    """Cells by which a box ``[7]`` may be off on a network's map; see :func:`gaussian_radius`."""
    cell_x, cell_y = config.output_cell_m
    return gaussian_radius(float(box[3]) / cell_x, float(box[4]) / cell_y)


def _draw(
    heatmap: Tensor, boxes: Tensor, classes: Tensor, centre: Tensor, config: ModelConfig
) -> None:
    rows, columns = config.output_size
    peaks = zip(boxes, classes.tolist(), centre.tolist(), strict=True)
    for box, label, (column, row) in peaks:
        radius = radius_of(box, config)
        top, left = max(0, row - radius), max(0, column - radius)
        bottom, right = min(rows, row + radius + 1), min(columns, column + radius + 1)
        y = torch.arange(top, bottom) - row
        x = torch.arange(left, right) - column
        sigma = (2 * radius + 1) / 6
        bump = torch.exp(-(x[None, :] ** 2 + y[:, None] ** 2) / (2 * sigma * sigma))
        window = heatmap[label, top:bottom, left:right]
        torch.maximum(window, bump, out=window)


def covered_cells(boxes: Tensor, config: ModelConfig) -> Tensor:
    """Cells ``[H, W]`` whose centre lies in one of the boxes ``[I, 7]``, whatever their height."""
    covered = torch.zeros(config.output_size, dtype=torch.bool)
    cell = torch.tensor(config.output_cell_m)
    # A margin of half a cell: a pedestrian's box may hold no cell's centre at all.
    margin = config.output_cell_m[0] / 2
    flat = boxes * boxes.new_tensor([1, 1, 0, 1, 1, 1, 1])  # all at height 0, where the cells are
    for position, box in zip(_position(boxes, config), flat, strict=True):
        reach = (torch.linalg.vector_norm(box[3:5]) / 2 + 2 * margin) / cell
        first = (position - reach).long().clamp(min=0).tolist()
        last = (position + reach).long().clamp(min=-1).tolist()
        window = covered[first[1] : last[1] + 1, first[0] : last[0] + 1]
        row, column = torch.meshgrid(*map(torch.arange, window.shape), indexing="ij")
        centre = (torch.stack((column, row), dim=-1) + torch.tensor(first) + 0.5) * cell
        centre = centre.view(-1, 2) + torch.tensor(config.grid.range_m[:2])
        points = torch.cat((centre, torch.zeros(len(centre), 1)), dim=1)
        window |= points_in_boxes(points, box[None], margin)[0].view(window.shape)
    return covered
