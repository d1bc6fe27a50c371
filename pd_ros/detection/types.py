"""The contracts of the detection core, said once.

Frame: x forward, y left, z up, in metres; origin at the sensor (or wherever the cloud's frame is).
Boxes are ``[M, 7]``: x, y, z of the geometric centre, length, width, height, yaw. Yaw is
counter-clockwise about z from +x, in ``[-pi, pi)``; length runs along the heading.
Points are ``[N, 3 + C]``: x, y, z first, then the features that the model names.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Detections(NamedTuple):
    """Boxes found in one cloud, by falling score; the fields share one length, maybe 0."""

    boxes: Tensor  # [D, 7] float32
    scores: Tensor  # [D] float32 in [0, 1]
    labels: Tensor  # [D] int64, index into the model's class names

    @classmethod
    def empty(cls) -> "Detections":
        """No boxes: what an empty scene gives."""
        return cls(torch.zeros(0, 7), torch.zeros(0), torch.zeros(0, dtype=torch.int64))

    def select(self, kept: Tensor) -> "Detections":
        """Some of the boxes: ``kept`` is a mask ``[D]`` or indices, in the order wanted."""
        return Detections(self.boxes[kept], self.scores[kept], self.labels[kept])


class PillarBatch(NamedTuple):
    """Points of a batch of clouds and the pillars they lie in; empty pillars do not appear.

    ``[P]`` points in range over all clouds, ``[V]`` pillars over all clouds. Where the grid has
    layers, read voxels for pillars.
    """

    points: Tensor  # [P, 3 + C] float32
    point_pillar: Tensor  # [P] int64, which pillar each point lies in
    cells: Tensor  # [V, 3] int64: sample, row (y), column (x)
    counts: Tensor  # [V] int64, points in each pillar, at least 1
    batch_size: int
    clipped: int  # points left out because a capacity was full
    layers: Tensor  # [V] int64, height of a voxel counted from below; 0 for pillars


class HeadMaps(NamedTuple):
    """What a head says in every cell; see ``ModelOutput``."""

    heatmap: Tensor
    box: Tensor
    direction: Tensor | None = None


class ModelOutput(NamedTuple):
    """What every detector with a bird's-eye map returns; distillation reads it by name.

    ``H x W`` are the cells of the head's map, row = y, column = x. The head is one of two:
    CenterPoint's has a heatmap ``[B, K, H, W]`` and boxes ``[B, 8, H, W]`` (dx, dy in cells, z in
    m, log l, log w, log h, cos yaw, sin yaw); an anchor head has, for each of a cell's A anchors,
    classes ``[B, A * K, H, W]``, boxes ``[B, A * 7, H, W]`` (differences from the anchor) and
    directions ``[B, A * 2, H, W]``.
    """

    pillar_features: Tensor  # [V, E] one row per pillar
    pillar_cells: Tensor  # [V, 3] sample, row, column
    stages: tuple[Tensor, ...]  # the backbone's stages, finest first, [B, C_i, H_i, W_i]
    neck: Tensor  # [B, C, H, W]
    heatmap: Tensor  # logits
    box: Tensor
    direction: Tensor | None = None  # logits; of an anchor head only
    linear_stages: tuple[Tensor, ...] = ()  # the stages before their last ReLU, where asked for
