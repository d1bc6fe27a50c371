"""The contracts of the detection core, said once.

Frame: x forward, y left, z up, in metres; origin at the sensor (or wherever the cloud's frame is).
Boxes are ``[M, 7]``: x, y, z of the geometric centre, length, width, height, yaw. Yaw is
counter-clockwise about z from +x, in ``[-pi, pi)``; length runs along the heading.
Points are ``[N, 3 + C]``: x, y, z first, then the features that the model names.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

OnStage = Callable[[str], None]  # called with the name of each stage of a call when it is over


def noop(_stage: str) -> None:
    """Ignore the stages: the default of every ``on_stage``."""


class Detections(NamedTuple):
    """Boxes found in one cloud, by falling score; the fields share one length, maybe 0."""

    boxes: Tensor  # [D, 7] float32
    scores: Tensor  # [D] float32 in [0, 1]
    labels: Tensor  # [D] int64, index into the model's class names
    velocities: Tensor | None = None  # [D, 2] along x and y, m/s; None: the model tells none
    facing: Tensor | None = None  # [D] probability, 0.5 to 1, that front is front; None: not told
    # [D, 4] mean square errors to expect: along, across and up of the centre (m²), yaw (rad²); NaN
    # where they are not known; None: nobody asked, see ``ExpectedErrors``
    variances: Tensor | None = None

    @classmethod
    def empty(cls) -> "Detections":
        """No boxes: what an empty scene gives."""
        return cls(torch.zeros(0, 7), torch.zeros(0), torch.zeros(0, dtype=torch.int64))

    def select(self, kept: Tensor) -> "Detections":
        """Some of the boxes: ``kept`` is a mask ``[D]`` or indices, in the order wanted."""
        return self._each(lambda field: field[kept])

    def lowered(self, offset_m: float) -> "Detections":
        """The same where the points were before they were raised by an offset in z."""
        lift = self.boxes.new_tensor([0, 0, offset_m, 0, 0, 0, 0])
        return self._replace(boxes=self.boxes - lift)

    def cpu(self) -> "Detections":
        """The same in the CPU's memory."""
        return self._each(Tensor.cpu)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Detections":
        return Detections._make(None if field is None else change(field) for field in self)


class Clipped(NamedTuple):
    """Points of a cloud that were left out because a capacity of the whole cloud was full.

    Those that come late to a full pillar are not among them: the pillar speaks for them.
    """

    points: int = 0  # beyond ``max_points``
    pillars: int = 0  # in pillars beyond ``max_pillars``

    @property
    def total(self) -> int:
        """All of them."""
        return self.points + self.pillars


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
    clipped: Clipped  # over all clouds
    layers: Tensor  # [V] int64, height of a voxel counted from below; 0 for pillars
    # [V] int64, points that lie in each pillar, those it has no room for, too. None: unknown.
    arrived: Tensor | None = None


class CellValues(NamedTuple):
    """What a head says in M cells of one sample, in float32; columns are the maps' channels."""

    box: Tensor  # [M, C]
    direction: Tensor | None  # [M, D]; None: the head tells none


class CellMaps(Protocol):
    """What a decoder reads of a head: scores everywhere, the rest in the cells it chooses."""

    @property
    def heatmap(self) -> Tensor:
        """Logits of the classes, as in ``ModelOutput``."""

    @property
    def quality(self) -> Tensor | None:
        """Logits of the quality, as in ``ModelOutput``."""

    @property
    def levels(self) -> "tuple[CellMaps, ...]":
        """The maps of all levels, finest first; mostly one."""

    def at(self, sample: int, cells: Tensor) -> CellValues:
        """Boxes and directions in cells ``[M]`` of a sample, counted row by row."""


class HeadMaps(NamedTuple):
    """What a head says in every cell; see ``ModelOutput``."""

    heatmap: Tensor
    box: Tensor
    direction: Tensor | None = None
    quality: Tensor | None = None
    coarser: "tuple[HeadMaps, ...]" = ()

    @property
    def levels(self) -> "tuple[HeadMaps, ...]":
        """The maps of all levels, finest first; mostly one."""
        return self._replace(coarser=()), *self.coarser

    def at(self, sample: int, cells: Tensor) -> CellValues:
        """Boxes and directions in cells ``[M]`` of a sample; see ``CellMaps``."""
        columns = self.box.shape[3]
        row = torch.div(cells, columns, rounding_mode="floor")
        column = cells - row * columns
        box, direction = (
            None if values is None else values[sample].permute(1, 2, 0)[row, column].float()
            for values in (self.box, self.direction)
        )
        assert box is not None
        return CellValues(box, direction)


class ModelOutput(NamedTuple):
    """What every detector with a bird's-eye map returns; distillation reads it by name.

    ``H x W`` are the cells of the head's map, row = y, column = x. The head is one of two:
    CenterPoint's has a heatmap ``[B, K, H, W]`` and boxes ``[B, 8, H, W]`` (dx, dy in cells, z in
    m, log l, log w, log h, cos yaw, sin yaw). If it tells directions ``[B, 2, H, W]``, the box has
    cos and sin of twice the yaw, and ``direction . (cos yaw, sin yaw)`` is the logit of looking
    that way rather than back; its quality ``[B, 1, H, W]`` is the logit of the box's overlap with
    its object. Each of its G groups of classes has such boxes, ``[B, G * 8, H, W]``, with velocity
    (x, y, m/s) ``G * 10``. An anchor head has, for each of a cell's A anchors,
    classes ``[B, A * K, H, W]``, boxes ``[B, A * 7, H, W]`` (differences from the anchor; with
    velocity ``A * 9``) and directions ``[B, A * 2, H, W]``.

    Of a feature pyramid, ``neck`` and the head's maps are those of the finest level.
    """

    pillar_features: Tensor  # [V, E] one row per pillar
    pillar_cells: Tensor  # [V, 3] sample, row, column
    stages: tuple[Tensor, ...]  # the backbone's stages, finest first, [B, C_i, H_i, W_i]
    neck: Tensor  # [B, C, H, W]
    heatmap: Tensor  # logits
    box: Tensor
    direction: Tensor | None = None  # logits; of heads that have it
    quality: Tensor | None = None  # logits; of heads that have it
    coarser: tuple[HeadMaps, ...] = ()  # of a pyramid's other levels, finest first
    linear_stages: tuple[Tensor, ...] = ()  # the stages before their last ReLU, where asked for

    @property
    def maps(self) -> HeadMaps:
        """Return the maps of the head."""
        return HeadMaps(self.heatmap, self.box, self.direction, self.quality, self.coarser)

    @property
    def device(self) -> torch.device:
        """Where its tensors lie."""
        return self.heatmap.device


class PointBatch(NamedTuple):
    """Clouds for networks that take points as they are: equally many of every cloud."""

    points: Tensor  # [B, N, 3 + C] float32; all 0 of a cloud without points in range
    counts: Tensor  # [B] int64, points in range that the N were drawn from, maybe 0
    seeds: tuple[int, ...]  # all that is drawn at random about a cloud follows from its own


class PointOutput(NamedTuple):
    """PointRCNN's first stage: what every point says; distillation reads it by name."""

    points: Tensor  # [B, N, 3]
    counts: Tensor  # [B] as in PointBatch
    features: Tensor  # [B, C, N] the last propagation's
    classes: Tensor  # [B, K, N] logits
    box: Tensor  # [B, 8, N] differences from the point and its class' size, see point_boxes


class Proposals(NamedTuple):
    """Boxes that are looked at again, of all clouds of a batch; R of them, maybe 0."""

    boxes: Tensor  # [R, 7]
    labels: Tensor  # [R] int64
    sample: Tensor  # [R] int64, which cloud of the batch


class Refined(NamedTuple):
    """PointRCNN's second stage: what the proposals say."""

    score: Tensor  # [R] logits
    box: Tensor  # [R, 7] differences from the proposal in its own frame


class PointRcnnOutput(NamedTuple):
    """Both stages over a batch of clouds."""

    points: PointOutput
    proposals: Proposals
    refined: Refined

    @property
    def device(self) -> torch.device:
        """Where its tensors lie."""
        return self.points.points.device


AnyBatch = PillarBatch | PointBatch
AnyOutput = ModelOutput | PointRcnnOutput


class InferenceResult(NamedTuple):
    """All that one call of a predictor gives: the boxes, and what was lost on the way to them."""

    detections: Detections  # on the CPU
    clipped: Clipped = Clipped()  # points that exceeded a capacity
    not_finite: int = 0  # NaN and infinite values in the network's output; they give no boxes
