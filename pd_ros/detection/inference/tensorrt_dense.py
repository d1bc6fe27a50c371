"""The dense part run by TensorRT on a GPU, through ONNX Runtime.

Needs packaging/requirements/tensorrt.txt, and TensorRT. ONNX Runtime builds the engine where it
will run, and keeps it.
"""

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pd_ros.detection.bev.detector import DenseNetwork
from pd_ros.detection.inference.onnx_export import (
    FlatDense,
    cache_folder,
    join_maps,
    named_maps,
    write_onnx,
)
from pd_ros.detection.types import HeadMaps, OnStage

_log = logging.getLogger(__name__)
_NUMPY = {torch.float32: np.float32, torch.float16: np.float16}


class OnnxDense:
    """Backbone, neck and head in a session that reads and writes in torch's memory."""

    def __init__(self, session: Any, device: torch.device) -> None:
        self._session = session
        self._device = device
        self._maps = {
            output.name: torch.empty(output.shape, device=device)
            for output in session.get_outputs()
        }
        self._binding = session.io_binding()
        for name, values in self._maps.items():
            self._binding.bind_output(name, *self._place(values))

    def __call__(self, canvas: Tensor, on_stage: OnStage, /) -> HeadMaps:
        """Maps in float32, valid until the next call."""
        rows = canvas.permute(0, 2, 3, 1).contiguous()  # no copy of what is channels last
        self._binding.bind_input("canvas", *self._place(rows))
        if self._device.type == "cuda":  # the session has a stream of its own
            torch.cuda.current_stream(self._device).synchronize()
        self._session.run_with_iobinding(self._binding)
        on_stage("backbone_neck")
        on_stage("head")
        return join_maps(self._maps)

    def _place(self, values: Tensor) -> tuple[str, int, type, tuple[int, ...], int]:
        """Where values lie, as ONNX Runtime wants to know it."""
        device, kind = self._device, _NUMPY[values.dtype]
        return device.type, device.index or 0, kind, tuple(values.shape), values.data_ptr()


class _RowsDense(nn.Module):
    """A canvas channels last, in the precision of the encoder, to maps in float32."""

    def __init__(self, dense: DenseNetwork) -> None:
        super().__init__()
        self.flat = FlatDense(dense)

    def forward(self, rows: Tensor) -> tuple[Tensor, ...]:
        return self.flat(rows.permute(0, 3, 1, 2).float())  # type: ignore[no-any-return]


def make_tensorrt(
    dense: DenseNetwork,
    canvas_shape: tuple[int, int, int],
    device: torch.device,
    precision: torch.dtype,
) -> OnnxDense:
    """A folded network in float32 as an engine; one that has been built before is read.

    Raises ``ValueError`` where ONNX Runtime or TensorRT are not installed or cannot be loaded, and
    where the engine cannot be kept.
    """
    onnxruntime = _import_onnxruntime()
    channels, height, width = canvas_shape
    rows = torch.zeros(1, height, width, channels, dtype=precision)
    folder = cache_folder("tensorrt", dense, rows, onnxruntime.__version__)
    file = write_network(dense.cpu(), rows, folder)
    if not any(folder.glob("*.engine")):
        _log.warning("%s: TensorRT builds its engine, once; that may take minutes", folder)
    options = {
        "device_id": device.index or 0,
        "trt_fp16_enable": precision == torch.float16,
        "trt_engine_cache_enable": True,
        "trt_engine_cache_path": str(folder),
    }
    return OnnxDense(open_session(onnxruntime, file, "Tensorrt", options), device)


def write_network(dense: DenseNetwork, rows: Tensor, folder: Path) -> Path:
    """The file of a network in a folder, written whole or not at all, if it is not there."""
    file = folder / "dense.onnx"
    if file.exists():
        return file
    begun = folder / f"dense.{os.getpid()}.onnx"
    network = _RowsDense(dense).eval()
    with torch.no_grad():
        names = named_maps(dense(rows.permute(0, 3, 1, 2).float())[2])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_onnx(network, rows, list(names), begun)
        begun.replace(file)
    except OSError as error:
        raise ValueError(
            f"backend: {folder}: cannot be written ({error}), and TensorRT's engine is kept there;"
            " set XDG_CACHE_HOME to a folder that can be"
        ) from None
    return file


def open_session(onnxruntime: Any, file: Path, provider: str, options: dict[str, object]) -> Any:
    """A session that runs on a provider and on no other.

    Raises ``ValueError`` where ONNX Runtime cannot load it and would take another.
    """
    name = f"{provider}ExecutionProvider"
    try:
        session = onnxruntime.InferenceSession(file, providers=[(name, options)])
    except Exception as error:  # ONNX Runtime's own errors share nothing else
        raise ValueError(f"backend: {file}: {name} cannot run it: {error}") from error
    if session.get_providers()[0] != name:
        raise ValueError(
            f"backend: ONNX Runtime {onnxruntime.__version__} cannot load {name} and would run on"
            f" {session.get_providers()[0]}; install the TensorRT and CUDA that it was built for"
            " (it has just said which library is missing), or choose the backend cuda_graph"
        )
    return session


def _import_onnxruntime() -> Any:
    try:
        import onnxruntime  # noqa: PLC0415
    except ImportError as error:
        raise ValueError(
            f"backend: tensorrt needs ONNX Runtime, which cannot be imported ({error}); install"
            " packaging/requirements/tensorrt.txt, or choose the backend cuda_graph"
        ) from None
    known = onnxruntime.get_available_providers()
    if "TensorrtExecutionProvider" not in known:
        raise ValueError(
            f"backend: tensorrt: ONNX Runtime {onnxruntime.__version__} knows {', '.join(known)}"
            " only; install packaging/requirements/tensorrt.txt, or choose the backend cuda_graph"
        )
    return onnxruntime
