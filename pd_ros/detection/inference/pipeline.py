"""Networks made ready to run on one cloud at a time: batch norm folded, precision chosen."""

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pd_ros.detection.bev.decode_center import at_least, count_not_finite, suppress, usable
from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.bev.peaks import make_candidates
from pd_ros.detection.bev.pillar_encoder import PillarEncoder
from pd_ros.detection.bev.quantised import QuantisedDense
from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.point_rcnn import PointRcnnConfig
from pd_ros.detection.families import AnyModel, AnyModelConfig, family_of, make_decoder
from pd_ros.detection.inference.backends import check_backend, make_dense
from pd_ros.detection.inference.cuda_graph import GraphInference
from pd_ros.detection.inference.fold_norm import fold_batch_norm
from pd_ros.detection.inference.folded_encoder import FoldedPillarEncoder
from pd_ros.detection.point_rcnn.detector import PointRcnn
from pd_ros.detection.point_rcnn.sampling import make_point_batch
from pd_ros.detection.types import Clipped, Detections, InferenceResult, OnStage, PointRcnnOutput

if TYPE_CHECKING:  # only networks of voxels need spconv
    from pd_ros.detection.bev.sparse_encoder import SparseEncoder
    from pd_ros.detection.inference.compiled.pillar_canvas import PillarCanvas
    from pd_ros.detection.inference.sparse.encoder import FoldedSparseEncoder


class BevInference:
    """A BEV detector: channels last, its dense part in the chosen precision."""

    def __init__(
        self,
        model: BevDetector,
        config: ModelConfig,
        device: torch.device,
        precision: torch.dtype,
        backend: str,
        int8: QuantisedDense | None = None,
    ) -> None:
        self._config = config
        self._device = device
        self._best = make_candidates(config, device)
        self._canvas = _make_canvas(model.encoder, config, device, precision)
        self._dense = make_dense(model.dense, config, device, precision, backend, int8)

    def __call__(
        self, cloud: Tensor, on_stage: OnStage, least_score: float = 0.0
    ) -> InferenceResult:
        """Boxes in one cloud ``[N, 3 + C]``, wherever it lies; see ``infer_uncalibrated``."""
        cloud = cloud.to(self._device)
        on_stage("copy")
        canvas, clipped = self._canvas(cloud, on_stage)
        if canvas is None:
            return InferenceResult(Detections.empty(), clipped)
        settings = at_least(self._config.decode, least_score)
        best = self._best(self._dense(canvas, on_stage), settings)
        candidates = usable(best, settings)
        on_stage("decode_boxes")
        found = suppress(candidates, settings, self._config.class_groups).cpu()
        on_stage("nms")
        return InferenceResult(found, clipped, count_not_finite(best, settings))


class PointInference:
    """A network on raw points; their places stay in fp32, whatever the precision of its layers.

    Of each cloud it draws as many points as it wants; that counts as no clipping.
    """

    def __init__(
        self,
        model: PointRcnn,
        config: PointRcnnConfig,
        device: torch.device,
        precision: torch.dtype,
    ) -> None:
        self._config = config
        self._device = device
        self._precision = precision
        self._decode = make_decoder(config, device)
        self._model = fold_batch_norm(model)

    def __call__(
        self, cloud: Tensor, on_stage: OnStage, least_score: float = 0.0
    ) -> InferenceResult:
        """Boxes in one cloud ``[N, 3 + C]``; the same in the same cloud every time.

        All boxes, whatever ``least_score``.
        """
        cloud = cloud.to(self._device)
        on_stage("copy")
        half = self._precision != torch.float32
        batch = make_point_batch([cloud], self._config)
        on_stage("sample")
        with torch.autocast(self._device.type, self._precision, enabled=half):
            first = self._model.first_stage(batch)
            on_stage("first_stage")
            proposals = self._model.propose(first)
            on_stage("propose")
            refined = self._model.refine(first, proposals)
            on_stage("refine")
        found = self._decode(PointRcnnOutput(first, proposals, refined))[0].cpu()
        on_stage("decode_nms")
        answers = (first.classes, first.box, refined.score, refined.box)
        lost = sum(int((~values.isfinite()).sum()) for values in answers)
        return InferenceResult(found, Clipped(), lost)


def make_inference(
    model: AnyModel,
    config: AnyModelConfig,
    device: torch.device,
    precision: torch.dtype,
    backend: str,
    int8: QuantisedDense | None = None,
) -> BevInference | GraphInference | PointInference:
    """The network of a config, made ready; the model itself is changed for it.

    ``int8`` takes the place of its dense part. Raises ``ValueError`` for a backend that cannot
    run it.
    """
    inference: BevInference | GraphInference | PointInference = _INFERENCE[family_of(config).kind](
        model.eval().to(device), config, device, precision, backend, int8
    )
    return inference


def _make_bev(
    model: BevDetector,
    config: ModelConfig,
    device: torch.device,
    precision: torch.dtype,
    backend: str,
    int8: QuantisedDense | None,
) -> BevInference | GraphInference:
    if int8 is None and backend == "cuda_graph" and isinstance(model.encoder, PillarEncoder):
        check_backend(backend, device, precision)
        return GraphInference(model, config, device, precision)
    return BevInference(model, config, device, precision, backend, int8)


def _make_point(
    model: PointRcnn,
    config: PointRcnnConfig,
    device: torch.device,
    precision: torch.dtype,
    backend: str,
    _int8: None,  # of a dense part, which it has not
) -> PointInference:
    if backend != "torch":
        raise ValueError(
            f"backend: {config.name} has no dense part for {backend}; choose the backend torch"
        )
    return PointInference(model, config, device, precision)


# By the kinds of ``pd_ros.detection.families``, which cannot name what is built upon it.
_INFERENCE: dict[str | None, Callable[..., Any]] = {None: _make_bev, "point_rcnn": _make_point}


class _TorchCanvas:
    """Points to the canvas by torch, on any device."""

    def __init__(
        self,
        encoder: "FoldedPillarEncoder | FoldedSparseEncoder | SparseEncoder",
        config: ModelConfig,
        precision: torch.dtype,
    ) -> None:
        self._encoder = encoder
        self._config = config
        self._precision = precision
        # A network of voxels reads coordinates in its first layer: too coarse in half precision.
        pillars = isinstance(encoder, FoldedPillarEncoder)
        self._row_precision = precision if pillars else torch.float32

    def __call__(self, cloud: Tensor, on_stage: OnStage) -> tuple[Tensor | None, Clipped]:
        """As ``PillarCanvas``."""
        batch = pillarize([cloud], self._config.grid, self._config.capacity)
        on_stage("voxelise")
        if not len(batch.cells):
            return None, batch.clipped
        features = self._encoder(batch).to(self._row_precision)
        canvas = self._encoder.canvas(features, batch).to(
            self._precision, memory_format=torch.channels_last
        )
        on_stage("encode")
        return canvas, batch.clipped


def _make_canvas(
    encoder: "PillarEncoder | SparseEncoder",
    config: ModelConfig,
    device: torch.device,
    precision: torch.dtype,
) -> "_TorchCanvas | PillarCanvas":
    """The fastest way to the canvas: on a CPU compiled where its code can be kept."""
    ready = _make_encoder(encoder, device, precision)
    if isinstance(ready, FoldedPillarEncoder) and device.type == "cpu":
        with contextlib.suppress(ImportError, OSError):  # no numba, nowhere to write to
            from pd_ros.detection.inference.compiled.pillar_canvas import (  # noqa: PLC0415
                PillarCanvas,
            )

            return PillarCanvas(ready, config.grid, config.capacity, precision)
    return _TorchCanvas(ready, config, precision)


def _make_encoder(
    encoder: "PillarEncoder | SparseEncoder", device: torch.device, precision: torch.dtype
) -> "FoldedPillarEncoder | FoldedSparseEncoder | SparseEncoder":
    """The fastest form of an encoder: on a GPU spconv's.

    Raises ``ValueError`` for one of voxels on a CPU where numba is not installed.
    """
    if isinstance(encoder, PillarEncoder):
        return FoldedPillarEncoder(encoder)
    if device.type != "cpu":
        return encoder
    try:
        from pd_ros.detection.inference.sparse.encoder import FoldedSparseEncoder  # noqa: PLC0415
    except ImportError as error:
        raise ValueError(
            "a network of voxels on a CPU: expected the package numba, which cannot be imported"
            f" ({error}); install packaging/requirements/spconv_cpu.txt"
        ) from None
    return FoldedSparseEncoder(encoder, precision)
