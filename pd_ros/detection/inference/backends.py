"""The dense part of a detector (backbone, neck, head), made ready by one of the backends."""

from typing import Protocol

import torch
from torch import Tensor

from pd_ros.detection.bev.anchor_head import AnchorHead
from pd_ros.detection.bev.detector import DenseNetwork
from pd_ros.detection.bev.quantised import QuantisedDense
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.device import PRECISIONS
from pd_ros.detection.inference.candidate_heads.anchor_dense import AnchorDense
from pd_ros.detection.inference.candidate_heads.center_dense import CenterDense, few_cells_suffice
from pd_ros.detection.inference.fold_norm import fold_batch_norm
from pd_ros.detection.inference.graph_capture import record
from pd_ros.detection.types import CellMaps, HeadMaps, OnStage, noop

BACKENDS = ("torch", "openvino", "cuda_graph", "tensorrt")
_DEVICES = {"openvino": "cpu", "cuda_graph": "cuda", "tensorrt": "cuda"}
_HALF = {"openvino": "bf16", "tensorrt": "fp16"}  # what each runs in beside fp32


class DensePart(Protocol):
    """Backbone, neck and head in one call."""

    def __call__(self, canvas: Tensor, on_stage: OnStage, /) -> CellMaps:
        """Canvas ``[1, C, rows, columns]``, channels last -> maps, valid until the next."""


class TorchDense:
    """torch, layer by layer."""

    def __init__(self, dense: DenseNetwork, precision: torch.dtype) -> None:
        dense = dense.to(precision)
        self._dense: DenseNetwork = dense.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, canvas: Tensor, on_stage: OnStage, /) -> HeadMaps:
        """The maps, in the precision."""
        levels = self._dense.neck(self._dense.backbone(canvas))
        on_stage("backbone_neck")
        maps = self._dense.head_maps(levels)
        on_stage("head")
        return maps


class GraphDense:
    """torch, its kernels on a GPU recorded once and launched together; maps keep their place."""

    @torch.inference_mode()
    def __init__(self, eager: TorchDense, canvas: Tensor) -> None:
        self._canvas = canvas
        stream = torch.cuda.Stream(canvas.device)  # type: ignore[no-untyped-call]
        self._graph, self._maps = record(lambda: eager(canvas, noop), stream)

    def __call__(self, canvas: Tensor, on_stage: OnStage, /) -> HeadMaps:
        """The maps, in the precision; they lie in the graph's memory."""
        self._canvas.copy_(canvas)
        self._graph.replay()
        on_stage("backbone_neck")
        on_stage("head")
        return self._maps


def make_dense(
    dense: DenseNetwork,
    config: ModelConfig,
    device: torch.device,
    precision: torch.dtype,
    backend: str,
    int8: QuantisedDense | None = None,
) -> DensePart:
    """The network, batch norm folded, ready to run; it is changed for it.

    ``int8`` runs in its place where it is given, by OpenVINO, and the precision is that of its
    layers which have floats. Raises ``ValueError`` for an unknown backend, one that is not
    installed, and one that the device, the precision or a part in int8 does not suit.
    """
    if int8 is not None:
        backend = _backend_of_int8(backend, device, int8.where)
    check_backend(backend, device, precision)
    folded = fold_batch_norm(dense.eval()).requires_grad_(False)
    if backend == "openvino":
        from pd_ros.detection.inference.openvino.dense import make_openvino  # noqa: PLC0415

        return make_openvino(folded, config.canvas_shape, precision, int8)
    if backend == "tensorrt":
        from pd_ros.detection.inference.tensorrt_dense import make_tensorrt  # noqa: PLC0415

        return make_tensorrt(folded, config.canvas_shape, device, precision)
    if device.type == "cpu" and isinstance(folded.head, AnchorHead):
        return AnchorDense(folded, precision)
    if device.type == "cpu" and few_cells_suffice(config):
        return CenterDense(folded, precision, config.box_values)
    eager = TorchDense(folded, precision)
    if backend == "torch":
        return eager
    canvas = torch.zeros(1, *config.canvas_shape, dtype=precision, device=device)
    return GraphDense(eager, canvas.contiguous(memory_format=torch.channels_last))


def _backend_of_int8(asked: str, device: torch.device, where: str) -> str:
    """OpenVINO, where nothing else was asked for: torch is what nobody asks for."""
    if device.type != "cpu" or asked not in ("torch", "openvino"):
        raise ValueError(
            f"{where}: its part in int8 runs by OpenVINO on a CPU, got the backend {asked} on"
            f" {device}; set device to cpu and backend to openvino, or take the checkpoint that it"
            " was made of"
        )
    return "openvino"


def check_backend(backend: str, device: torch.device, precision: torch.dtype) -> None:
    """Raise ``ValueError`` unless a backend is known and suits the device and the precision."""
    if backend not in BACKENDS:
        raise ValueError(f"backend: expected one of {', '.join(BACKENDS)}, got {backend!r}")
    wanted = _DEVICES.get(backend, device.type)
    if device.type != wanted:
        raise ValueError(
            f"backend: {backend} runs on {wanted}, the device is {device}; choose another backend"
            " or device"
        )
    half = _HALF.get(backend)
    if half and precision not in (torch.float32, PRECISIONS[half]):
        given = next(name for name, kind in PRECISIONS.items() if kind == precision)
        raise ValueError(
            f"backend: {backend} runs in fp32 or {half}, got {given}; choose one of these"
        )
