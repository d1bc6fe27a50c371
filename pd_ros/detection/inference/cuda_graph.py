"""A network of pillars on a GPU, everything from points to boxes recorded as one CUDA graph.

A cloud costs one copy to the GPU, one launch, one copy back and one wait, all on a stream of its
own and in memory that was there before. Rotated suppression is the CPU's: it takes the boxes one
by one, and they are some hundreds.
"""

import math
from typing import cast

import torch
from torch import Tensor

from pd_ros.detection.bev.decode_center import at_least, count_not_finite, suppress, usable
from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.bev.peaks import make_peaks
from pd_ros.detection.bev.pillar_encoder import PillarEncoder
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.inference.backends import TorchDense
from pd_ros.detection.inference.fold_norm import fold_batch_norm
from pd_ros.detection.inference.folded_encoder import FoldedPillarEncoder
from pd_ros.detection.inference.graph_capture import record
from pd_ros.detection.inference.static_pillars import PaddedPillars
from pd_ros.detection.types import Clipped, Detections, InferenceResult, OnStage, noop

_FIRST_ROOM = 1 << 17  # points; a larger cloud makes the graph be recorded anew


class GraphInference:
    """Called as ``BevInference`` is; the boxes are the same but for rounding."""

    def __init__(
        self, model: BevDetector, config: ModelConfig, device: torch.device, precision: torch.dtype
    ) -> None:
        self._config = config
        self._static_graph = StaticGraph(model, config, device, precision)
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._make_room(_FIRST_ROOM)

    def __call__(
        self, cloud: Tensor, on_stage: OnStage, least_score: float = 0.0
    ) -> InferenceResult:
        """Boxes in one cloud ``[N, 3 + C]``, which lies on the CPU."""
        if len(cloud) > len(self._points):
            self._make_room(1 << math.ceil(math.log2(len(cloud))))
        with torch.cuda.stream(self._stream):
            self._staging[: len(cloud)].copy_(cloud)
            self._points[: len(cloud)].copy_(self._staging[: len(cloud)], non_blocking=True)
            self._points[len(cloud) :].fill_(torch.nan)
            on_stage("copy")
            self._graph.replay()
            self._answer.copy_(self._rows, non_blocking=True)
        self._stream.synchronize()
        best, clipped = unpack(self._answer.clone())
        on_stage("graph")
        settings = at_least(self._config.decode, least_score)
        found = suppress(usable(best, settings), settings, self._config.class_groups)
        on_stage("nms")
        return InferenceResult(found, clipped, count_not_finite(best, settings))

    @torch.inference_mode()
    def _make_room(self, points: int) -> None:
        """Memory for clouds of so many points, and the graph that reads it."""
        shape = (points, 3 + len(self._config.features))
        self._staging = torch.empty(shape, pin_memory=True)
        self._points = torch.full(shape, torch.nan, device=self._stream.device)
        self._graph, self._rows = record(lambda: self._static_graph(self._points), self._stream)
        self._answer = torch.empty(self._rows.shape, pin_memory=True)


class StaticGraph:
    """A network of pillars, its dense part in a precision; the model is changed for it."""

    def __init__(
        self, model: BevDetector, config: ModelConfig, device: torch.device, precision: torch.dtype
    ) -> None:
        self._shape = config.canvas_shape
        self._pillars = PaddedPillars(config.grid, config.capacity, device)
        self._encoder = FoldedPillarEncoder(cast(PillarEncoder, model.encoder))
        self._dense = TorchDense(
            fold_batch_norm(model.dense.eval()).requires_grad_(False), precision
        )
        self._peaks = make_peaks(config, device)
        channels, rows, columns = self._shape
        # One cell more than there are, for pillars that are none.
        self._canvas = torch.zeros(rows * columns + 1, channels, dtype=precision, device=device)

    def __call__(self, points: Tensor) -> Tensor:
        """Points ``[N, 3 + C]``, not finite where there are none -> what :func:`unpack` reads."""
        batch, place, clipped, held = self._pillars(points)
        rows = self._encoder(batch).to(self._canvas.dtype)
        self._canvas.index_copy_(0, place, rows)
        channels, height, width = self._shape
        canvas = self._canvas[:-1].view(1, height, width, channels).permute(0, 3, 1, 2)
        found = self._peaks(self._dense(canvas, noop))[0]
        self._canvas.index_fill_(0, place, 0)  # a hundredth of the canvas
        return pack(found, clipped, held)


def pack(found: Detections, clipped: Tensor, held: Tensor) -> Tensor:
    """Boxes, points left out ``[2]`` and points in pillars ``[]`` as one tensor, to be copied."""
    columns = [found.boxes, found.scores[:, None], found.labels[:, None].float()]
    if found.velocities is not None:
        columns.append(found.velocities)
    if found.facing is not None:
        columns.append(found.facing[:, None])
    rows = torch.cat(columns, dim=1)
    last = torch.zeros_like(rows[:1])
    last[0, :2], last[0, 2] = clipped, held
    return torch.cat((rows, last))


def unpack(rows: Tensor) -> tuple[Detections, Clipped]:
    """What :func:`pack` was given; no boxes where no point lies in a pillar."""
    beyond, homeless, held = rows[-1, :3].long().tolist()
    if not held:
        return Detections.empty(), Clipped(beyond, homeless)
    found = rows[:-1]
    further = found.shape[1] - 9  # two of velocities, one of facing
    velocities = found[:, 9:11] if further >= 2 else None
    facing = found[:, -1] if further % 2 else None
    detections = Detections(found[:, :7], found[:, 7], found[:, 8].long(), velocities, facing)
    return detections, Clipped(beyond, homeless)
