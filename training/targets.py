"""Boxes -> what the CenterPoint head should say (CenterPoint section 3; CornerNet's radius)."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.boxes import points_in_boxes
from pd_ros.detection.config import ModelConfig

_MIN_OVERLAP = 0.1
_MIN_RADIUS = 2


class Labels(NamedTuple):
    """Boxes of one frame as the loss sees them."""

    boxes: Tensor  # [M, 7]
    classes: Tensor  # [M] int64
    ignored: Tensor  # [I, 7] boxes whose cells count neither as object nor as background


class Targets(NamedTuple):
    """Targets of a batch; ``M`` objects over all samples."""

    heatmap: Tensor  # [B, K, H, W] Gaussians, 1 at object centres
    counted: Tensor  # [B, H, W] bool, false inside ignored boxes
    sample: Tensor  # [M] int64
    cell: Tensor  # [M] int64, row * columns + column
    box: Tensor  # [M, 8] as in ModelOutput.box


def make_targets(labels: Sequence[Labels], config: ModelConfig) -> Targets:
    """Targets of a batch of frames; objects whose centre is out of range are left out."""
    rows, columns = config.output_size
    heatmap = torch.zeros(len(labels), len(config.classes), rows, columns)
    counted = torch.ones(len(labels), rows, columns, dtype=torch.bool)
    samples, cells, boxes = [], [], []
    for i, frame in enumerate(labels):
        kept = _in_range(frame.boxes, config)
        cell, box = _regression(frame.boxes[kept], config)
        _draw(heatmap[i], frame.boxes[kept], frame.classes[kept], cell, config)
        counted[i] = ~_covered(frame.ignored, config)
        samples.append(torch.full_like(cell, i))
        cells.append(cell)
        boxes.append(box)
    counted |= heatmap.amax(dim=1) > 0  # an object beside an ignored one still counts
    return Targets(heatmap, counted, torch.cat(samples), torch.cat(cells), torch.cat(boxes))


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


def _regression(boxes: Tensor, config: ModelConfig) -> tuple[Tensor, Tensor]:
    position = boxes[:, :2] - boxes.new_tensor(config.grid.range_m[:2])
    position = position / boxes.new_tensor(config.output_cell_m)
    rows, columns = config.output_size
    limit = torch.tensor([columns - 1, rows - 1])
    column_row = torch.minimum(position.long(), limit)
    cell = column_row[:, 1] * columns + column_row[:, 0]
    offset = position - column_row
    yaw = boxes[:, 6:]
    parts = (offset, boxes[:, 2:3], boxes[:, 3:6].log(), yaw.cos(), yaw.sin())
    return cell, torch.cat(parts, dim=1)


def _draw(
    heatmap: Tensor, boxes: Tensor, classes: Tensor, cell: Tensor, config: ModelConfig
) -> None:
    rows, columns = config.output_size
    cell_x, cell_y = config.output_cell_m
    for box, label, place in zip(boxes, classes.tolist(), cell.tolist(), strict=True):
        radius = gaussian_radius(float(box[3]) / cell_x, float(box[4]) / cell_y)
        row, column = divmod(place, columns)
        top, left = max(0, row - radius), max(0, column - radius)
        bottom, right = min(rows, row + radius + 1), min(columns, column + radius + 1)
        y = torch.arange(top, bottom) - row
        x = torch.arange(left, right) - column
        sigma = (2 * radius + 1) / 6
        bump = torch.exp(-(x[None, :] ** 2 + y[:, None] ** 2) / (2 * sigma * sigma))
        window = heatmap[label, top:bottom, left:right]
        torch.maximum(window, bump, out=window)


def _covered(boxes: Tensor, config: ModelConfig) -> Tensor:
    """Cells ``[H, W]`` whose centre lies in one of the boxes ``[I, 7]``, whatever their height."""
    rows, columns = config.output_size
    if not len(boxes):
        return torch.zeros(rows, columns, dtype=torch.bool)
    cell_x, cell_y = config.output_cell_m
    x = (torch.arange(columns) + 0.5) * cell_x + config.grid.range_m[0]
    y = (torch.arange(rows) + 0.5) * cell_y + config.grid.range_m[1]
    centres = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2)
    flat = torch.cat((centres, torch.zeros(len(centres), 1)), dim=1)
    level = boxes.clone()
    level[:, 2] = 0
    # A margin of half a cell: a pedestrian's box may hold no cell's centre at all.
    return points_in_boxes(flat, level, cell_x / 2).any(dim=0).view(rows, columns)
