"""From points to boxes before suppression in one go, of a fixed size from end to end.

Nothing here depends on how many points or boxes there are, and nothing is read back: a GPU can
record it once and repeat it for every cloud.
"""

from typing import cast

import torch
from torch import Tensor

from pd_ros.detection.config import ModelConfig
from pd_ros.detection.decoder import make_peaks
from pd_ros.detection.dense_part import TorchDense, nobody
from pd_ros.detection.encoder import PillarEncoder
from pd_ros.detection.folded_encoder import FoldedPillarEncoder
from pd_ros.detection.folding import fold_batch_norm
from pd_ros.detection.model import BevDetector
from pd_ros.detection.padded_pillars import PaddedPillars
from pd_ros.detection.types import Clipped, Detections


class OnePass:
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
        found = self._peaks(self._dense(canvas, nobody))[0]
        self._canvas.index_fill_(0, place, 0)  # a hundredth of the canvas
        return pack(found, clipped, held)


def pack(found: Detections, clipped: Tensor, held: Tensor) -> Tensor:
    """Boxes, points left out ``[2]`` and points in pillars ``[]`` as one tensor, to be copied."""
    columns = [found.boxes, found.scores[:, None], found.labels[:, None].float()]
    if found.velocities is not None:
        columns.append(found.velocities)
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
    velocities = found[:, 9:] if found.shape[1] > 9 else None
    detections = Detections(found[:, :7], found[:, 7], found[:, 8].long(), velocities)
    return detections, Clipped(beyond, homeless)
