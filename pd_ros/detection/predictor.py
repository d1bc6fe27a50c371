"""From a checkpoint's path to boxes: everything between points and detections."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pd_ros.detection.checkpoint import Checkpoint, load_checkpoint
from pd_ros.detection.decode import suppress
from pd_ros.detection.decoder import make_candidates
from pd_ros.detection.device import choose_device, choose_precision
from pd_ros.detection.encoder import PillarEncoder
from pd_ros.detection.folded_encoder import FoldedPillarEncoder
from pd_ros.detection.folding import fold_batch_norm
from pd_ros.detection.model import DenseNetwork
from pd_ros.detection.pillars import pillarize
from pd_ros.detection.types import Detections, ModelOutput

if TYPE_CHECKING:  # only networks of voxels need spconv
    from pd_ros.detection.folded_sparse import FoldedSparseEncoder
    from pd_ros.detection.sparse import SparseEncoder

PointArray = np.ndarray[tuple[int, int], np.dtype[np.float32]]


class Predictor:
    """A detector ready to run: batch norm folded, channels last, half precision where it pays.

    Not thread-safe: ``clipped`` belongs to the last call.
    """

    def __init__(
        self, checkpoint: Checkpoint, device: torch.device, precision: torch.dtype
    ) -> None:
        self.config = checkpoint.config
        self.training = checkpoint.training
        self.device = device
        self.precision = precision
        self.clipped = 0  # points of the last cloud that exceeded a capacity
        model = checkpoint.model.eval().to(device)
        self._candidates = make_candidates(self.config, device)
        pillars = isinstance(model.encoder, PillarEncoder)
        self._encoder = _make_encoder(model.encoder, device, precision)
        # A network of voxels reads coordinates in its first layer: too coarse in half precision.
        self._row_precision = precision if pillars else torch.float32
        dense = fold_batch_norm(model.dense).to(precision)
        self._dense: DenseNetwork = dense.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def from_checkpoint(
        cls, path: Path | str, device: str = "auto", precision: str = "auto"
    ) -> "Predictor":
        """Read a checkpoint onto a device.

        ``device``: ``auto`` (GPU where there is one), ``cpu``, ``cuda:0`` ...; ``precision``:
        ``auto`` (fp16 on a GPU, bf16 on a CPU with bf16 arithmetic, else fp32), ``fp32``,
        ``bf16``, ``fp16``. Raises ``ValueError`` for a bad file, device or precision.
        """
        chosen = choose_device(device)
        return cls(load_checkpoint(Path(path)), chosen, choose_precision(precision, chosen))

    @classmethod
    def for_clouds(cls, path: Path | str, device: str = "auto") -> "Predictor":
        """As ``from_checkpoint``, for what every LiDAR gives: x, y, z and maybe intensity.

        Raises ``ValueError`` also for a model that wants more of each point.
        """
        predictor = cls.from_checkpoint(path, device)
        features = predictor.config.features
        if features not in ((), ("intensity",)):
            raise ValueError(
                f"{path}: expected a model of x, y, z or x, y, z, intensity, got one that wants"
                f" {', '.join(features)}; choose another"
            )
        return predictor

    @torch.inference_mode()
    def __call__(
        self, points: PointArray | Tensor, done: Callable[[str], None] = lambda _stage: None
    ) -> Detections:
        """Boxes in one cloud ``[N, 3 + C]`` float32, on the CPU; an empty cloud is a valid one.

        Points out of range or not finite are left out. ``done`` is told the name of each stage
        when it is over; on a GPU its work may still be under way. Raises ``ValueError`` for
        another shape.
        """
        cloud = torch.as_tensor(points, dtype=torch.float32, device=self.device)
        width = 3 + len(self.config.features)
        if cloud.dim() != 2 or cloud.shape[1] != width:
            raise ValueError(
                f"points: expected [N, {width}] (x, y, z, {', '.join(self.config.features)}),"
                f" got {tuple(cloud.shape)}"
            )
        done("copy")
        batch = pillarize([cloud], self.config.grid, self.config.capacity)
        self.clipped = batch.clipped
        done("voxelise")
        features = self._encoder(batch).to(self._row_precision)
        canvas = self._encoder.canvas(features, batch).to(
            self.precision, memory_format=torch.channels_last
        )
        done("encode")
        stages = self._dense.backbone(canvas)
        neck = self._dense.neck(stages)
        done("backbone_neck")
        maps = self._dense.head(neck)
        done("head")
        output = ModelOutput(features, batch.cells, stages, neck, *maps)
        candidates = self._candidates(output)[0]
        done("decode_boxes")
        kept = suppress(candidates, self.config.decode)
        found = Detections(*(field.cpu() for field in kept))
        done("nms")
        return found

    def warm_up(self, iterations: int = 3) -> None:
        """Run on made-up clouds of several sizes, so that the first real one is not slow."""
        x0, y0, z0, x1, y1, z1 = self.config.grid.range_m
        generator = torch.Generator().manual_seed(0)
        for size in (0, 20_000, 120_000)[-iterations:] if iterations else ():
            cloud = torch.rand(size, 3 + len(self.config.features), generator=generator)
            cloud[:, :3] *= torch.tensor((x1 - x0, y1 - y0, z1 - z0))
            cloud[:, :3] += torch.tensor((x0, y0, z0))
            self(cloud)
        self.clipped = 0


def _make_encoder(
    encoder: "PillarEncoder | SparseEncoder", device: torch.device, precision: torch.dtype
) -> "FoldedPillarEncoder | FoldedSparseEncoder | SparseEncoder":
    """The fastest form of an encoder; in fp32 spconv's is, and on a GPU."""
    if isinstance(encoder, PillarEncoder):
        return FoldedPillarEncoder(encoder)
    if device.type == "cpu" and precision == torch.bfloat16:
        from pd_ros.detection.folded_sparse import FoldedSparseEncoder  # noqa: PLC0415

        return FoldedSparseEncoder(encoder, precision)
    return encoder
