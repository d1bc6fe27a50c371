"""A network of pillars on a GPU, everything from points to boxes recorded as one CUDA graph.

A cloud costs one copy to the GPU, one launch, one copy back and one wait, all on a stream of its
own and in memory that was there before. Rotated suppression is the CPU's: it takes the boxes one
by one, and they are some hundreds.
"""

import math

import torch
from torch import Tensor

from pd_ros.detection.config import ModelConfig
from pd_ros.detection.decode import count_not_finite, suppress, usable
from pd_ros.detection.found import Found
from pd_ros.detection.model import BevDetector
from pd_ros.detection.one_pass import OnePass, unpack
from pd_ros.detection.recording import record
from pd_ros.detection.types import Done

_FIRST_ROOM = 1 << 17  # points; a larger cloud makes the graph be recorded anew


class GraphInference:
    """Called as ``BevInference`` is; the boxes are the same but for rounding."""

    def __init__(
        self, model: BevDetector, config: ModelConfig, device: torch.device, precision: torch.dtype
    ) -> None:
        self._config = config
        self._pass = OnePass(model, config, device, precision)
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._make_room(_FIRST_ROOM)

    def __call__(self, cloud: Tensor, done: Done) -> Found:
        """Boxes in one cloud ``[N, 3 + C]``, which lies on the CPU."""
        if len(cloud) > len(self._points):
            self._make_room(1 << math.ceil(math.log2(len(cloud))))
        with torch.cuda.stream(self._stream):
            self._staging[: len(cloud)].copy_(cloud)
            self._points[: len(cloud)].copy_(self._staging[: len(cloud)], non_blocking=True)
            self._points[len(cloud) :].fill_(torch.nan)
            done("copy")
            self._graph.replay()
            self._answer.copy_(self._rows, non_blocking=True)
        self._stream.synchronize()
        best, clipped = unpack(self._answer.clone())
        done("graph")
        settings = self._config.decode
        found = suppress(usable(best, settings), settings, self._config.class_groups)
        done("nms")
        return Found(found, clipped, count_not_finite(best, settings))

    @torch.inference_mode()
    def _make_room(self, points: int) -> None:
        """Memory for clouds of so many points, and the graph that reads it."""
        shape = (points, 3 + len(self._config.features))
        self._staging = torch.empty(shape, pin_memory=True)
        self._points = torch.full(shape, torch.nan, device=self._stream.device)
        self._graph, self._rows = record(lambda: self._pass(self._points), self._stream)
        self._answer = torch.empty(self._rows.shape, pin_memory=True)
