"""From a checkpoint's path to boxes: everything between points and detections."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pd_ros.detection.checkpoint import Checkpoint, load_checkpoint
from pd_ros.detection.config.names import EXTRA_FIELDS, INTENSITY
from pd_ros.detection.device import choose_device, choose_precision
from pd_ros.detection.inference.pipeline import make_inference
from pd_ros.detection.score_calibration import calibrate_scores, least_uncalibrated, read_scaling
from pd_ros.detection.types import Detections, InferenceResult, OnStage, noop

PointArray = np.ndarray[tuple[int, int], np.dtype[np.float32]]


class Predictor:
    """A detector ready to run: batch norm folded, half precision where it pays.

    Not thread-safe: the calls share the network's buffers.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: torch.device,
        precision: torch.dtype,
        backend: str = "torch",
    ) -> None:
        self.config = checkpoint.config
        self.training = checkpoint.training
        self.where = checkpoint.where  # what errors about the checkpoint begin with
        self.device = device
        self.precision = precision
        self.thresholds = checkpoint.thresholds()  # by class
        self.scaling = read_scaling(self.training, self.where)  # None: scores as the network's
        self.arithmetic = _describe(checkpoint, precision)  # for reports
        self._inference = make_inference(
            checkpoint.model, self.config, device, precision, backend, checkpoint.int8
        )

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
        """As ``from_checkpoint``, for what single clouds give: x, y, z and maybe fields of theirs.

        These are intensity and ``EXTRA_FIELDS``. Raises ``ValueError`` also for a model that
        wants more of each point.
        """
        predictor = cls.from_checkpoint(path, device)
        features = predictor.config.features
        known = (INTENSITY, *EXTRA_FIELDS)
        if not set(features) <= set(known):
            raise ValueError(
                f"{path}: expected a model of x, y, z and at most {', '.join(known)}, got one that"
                f" wants {', '.join(features)}; choose another"
            )
        return predictor

    def __call__(self, points: PointArray | Tensor, on_stage: OnStage = noop) -> Detections:
        """Return the boxes of ``infer`` alone."""
        return self.infer(points, on_stage).detections

    def infer(
        self, points: PointArray | Tensor, on_stage: OnStage = noop, least_score: float = 0.0
    ) -> InferenceResult:
        """Detect as ``infer_uncalibrated`` does; scores are calibrated as the checkpoint says.

        Who uses no box with a score below ``least_score`` says so, and gets few of them, sooner:
        all others are the same.
        """
        least = least_uncalibrated(least_score, self.scaling, self.config.classes)
        result = self.infer_uncalibrated(points, on_stage, least)
        found = calibrate_scores(result.detections, self.scaling, self.config.classes)
        on_stage("calibrate")
        return result._replace(detections=found)

    @torch.inference_mode()
    def infer_uncalibrated(
        self, points: PointArray | Tensor, on_stage: OnStage = noop, least_score: float = 0.0
    ) -> InferenceResult:
        """Detect in one cloud ``[N, 3 + C]`` float32; an empty cloud is a valid one.

        Points out of range or not finite are left out; where none is left, there are no boxes,
        whatever the network would say about an empty space. Boxes with a score below
        ``least_score``, which suppress none above, may be left out. ``on_stage`` is called with
        the name of each stage when it is over; on a GPU its work may still be under way. Raises
        ``ValueError`` for another shape.
        """
        cloud = torch.as_tensor(points, dtype=torch.float32)
        width = 3 + len(self.config.features)
        if cloud.dim() != 2 or cloud.shape[1] != width:
            raise ValueError(
                f"points: expected [N, {width}] (x, y, z, {', '.join(self.config.features)}),"
                f" got {tuple(cloud.shape)}"
            )
        return self._inference(cloud, on_stage, least_score)

    def warm_up(self, iterations: int = 3) -> None:
        """Run on made-up clouds of several sizes, so that the first real one is not slow."""
        x0, y0, z0, x1, y1, z1 = self.config.range_m
        generator = torch.Generator().manual_seed(0)
        for size in (0, 20_000, 120_000)[-iterations:] if iterations else ():
            cloud = torch.rand(size, 3 + len(self.config.features), generator=generator)
            cloud[:, :3] *= torch.tensor((x1 - x0, y1 - y0, z1 - z0))
            cloud[:, :3] += torch.tensor((x0, y0, z0))
            self(cloud)


def _describe(checkpoint: Checkpoint, precision: torch.dtype) -> str:
    floats = str(precision).removeprefix("torch.")
    return floats if checkpoint.int8 is None else f"int8, else {floats}"
