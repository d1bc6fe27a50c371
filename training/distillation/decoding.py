"""Decode boxes in training by rules other than the vehicle's: more boxes, or with a gradient."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from pd_ros.detection.config.parts import DecodeConfig
from pd_ros.detection.families import AnyModelConfig, make_decoder
from pd_ros.detection.types import AnyOutput, Detections
from training.distillation.method import BevPair, DistillBatch

# SparseKD section 2.3: so many candidates, of so much score at least.
_CANDIDATES, _SCORE = 500, 0.1
# Where scores are calibrated, so little is looked at.
LEAST_SCORE = 0.05


class BoxDecoder:
    """Boxes of a network by other rules than its own, with gradient where the maps have it.

    ``nms_iou``: the network's own where None; 1 suppresses nothing. Those of a network of two
    stages are its second's (SparseKD's distillation across stages).
    """

    def __init__(
        self,
        config: AnyModelConfig,
        nms_iou: float | None = None,
        score: float = _SCORE,
        most: int = _CANDIDATES,
    ) -> None:
        rules = DecodeConfig(
            max_candidates=max(most, _CANDIDATES),
            score_threshold=score,
            centre_range_m=config.decode.centre_range_m,
            nms_iou_threshold=config.decode.nms_iou_threshold if nms_iou is None else nms_iou,
            nms_per_class=config.decode.nms_per_class,
            max_detections=most,
        )
        self._config = config.model_copy(update={"decode": rules})
        self._made: Callable[[Any], list[Detections]] | None = None

    def __call__(self, output: AnyOutput) -> list[Detections]:
        """Boxes of every sample, by falling score."""
        return self._decoder(output.device)(output)

    def _decoder(self, device: torch.device) -> Callable[[Any], list[Detections]]:
        if self._made is None:  # only now is it known on which device
            self._made = make_decoder(self._config, device)
        return self._made


Boxes = Literal["truth", "teacher", "student"]


class BoxSource:
    """The true boxes, or those that one of the networks finds with enough score."""

    def __init__(self, kind: Boxes, pair: BevPair, threshold: float) -> None:
        self._kind = kind
        config = pair.teacher if kind == "teacher" else pair.student
        self._decode = BoxDecoder(config, score=threshold)

    def __call__(self, outputs: DistillBatch) -> list[Tensor]:
        """Boxes ``[N_i, 7]`` of every sample, as constants."""
        if self._kind == "truth":
            return [labels.boxes for labels in outputs.batch.labels]
        output = outputs.teacher if self._kind == "teacher" else outputs.student
        return [found.boxes.detach() for found in self._decode(output)]
