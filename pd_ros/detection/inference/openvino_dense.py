"""The dense part run by OpenVINO on a CPU; needs packaging/requirements/openvino.txt."""

import logging
import os
import shutil
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pd_ros.detection.bev.detector import DenseNetwork
from pd_ros.detection.inference.onnx_export import FlatDense, cache_folder, join_maps, named_maps
from pd_ros.detection.types import HeadMaps, OnStage

_log = logging.getLogger(__name__)


class OpenVinoDense:
    """Backbone, neck and head as one compiled network; the canvas is read where it lies."""

    def __init__(
        self, dense: DenseNetwork, canvas_shape: tuple[int, int, int], precision: torch.dtype
    ) -> None:
        self._openvino = _import_openvino()
        self._half = precision == torch.bfloat16
        model = self._read_or_convert(dense, torch.zeros(1, *canvas_shape))
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if self._half else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
            # Two detectors on one machine must not be held on the same core.
            "ENABLE_CPU_PINNING": False,
        }
        compiled = _core().compile_model(self._channels_last(model), "CPU", settings)
        self._names = [output.any_name for output in compiled.outputs]
        self._request = compiled.create_infer_request()

    def __call__(self, canvas: Tensor, on_stage: OnStage, /) -> HeadMaps:
        """Maps in float32; they lie in OpenVINO's memory, until the next call."""
        rows = canvas.permute(0, 2, 3, 1).contiguous()  # no copy of what is channels last
        self._request.set_input_tensor(self._shared(rows))
        self._request.infer()
        maps = {
            name: torch.from_numpy(self._request.get_output_tensor(number).data)
            for number, name in enumerate(self._names)
        }
        on_stage("backbone_neck")
        on_stage("head")
        return join_maps(maps)

    def _shared(self, rows: Tensor) -> Any:
        """A tensor of OpenVINO in the same memory; numpy does not know bf16."""
        if not self._half:
            return self._openvino.Tensor(rows.numpy(), shared_memory=True)
        bits = rows.view(torch.int16).numpy()
        return self._openvino.Tensor(bits, list(rows.shape), self._openvino.Type.bf16)

    def _channels_last(self, model: Any) -> Any:
        """The model with an input as torch lays out the canvas, and in its precision."""
        types, layout = self._openvino.Type, self._openvino.Layout
        steps = self._openvino.preprocess.PrePostProcessor(model)
        steps.input().tensor().set_element_type(types.bf16 if self._half else types.f32)
        steps.input().tensor().set_layout(layout("NHWC"))
        steps.input().model().set_layout(layout("NCHW"))
        return steps.build()

    def _read_or_convert(self, dense: DenseNetwork, canvas: Tensor) -> Any:
        """OpenVINO's model, from the cache if it has been there before: converting takes seconds.

        A cache that cannot be read or written costs time only.
        """
        version = self._openvino.__version__
        file = cache_folder("openvino", dense, canvas, version) / "dense.xml"
        if file.exists():
            try:
                return _core().read_model(file)
            except RuntimeError as error:
                _log.warning("%s: cannot be read and is written anew (%s)", file, error)
        model = _convert(self._openvino, dense, canvas)
        try:
            self._save(model, file.parent)
        except (OSError, RuntimeError) as error:
            _log.warning("%s: cannot be written, so that each start converts (%s)", file, error)
        return model

    def _save(self, model: Any, folder: Path) -> None:
        """Write a model, whole or not at all."""
        begun = folder.with_name(f"{folder.name}.{os.getpid()}")
        begun.mkdir(parents=True, exist_ok=True)
        self._openvino.save_model(model, begun / "dense.xml", compress_to_fp16=False)
        shutil.rmtree(folder, ignore_errors=True)
        begun.replace(folder)


def _import_openvino() -> Any:
    try:
        import openvino  # noqa: PLC0415
        import openvino.preprocess  # noqa: PLC0415
    except ImportError as error:
        raise ValueError(
            f"backend: openvino cannot be imported ({error}); install"
            " packaging/requirements/openvino.txt, or choose the backend torch"
        ) from None
    return openvino


@cache
def _core() -> Any:
    """The one core of this process, never dropped.

    OpenVINO gives the thread that first uses a CPU a stack for signals and unmaps it with the
    last user of that core, in whichever thread that is: the next signal would then be written
    over what has taken the stack's place.
    """
    return _import_openvino().Core()


@torch.no_grad()
def _convert(openvino: Any, dense: DenseNetwork, canvas: Tensor) -> Any:
    with warnings.catch_warnings():  # of the two libraries about each other
        warnings.simplefilter("ignore", FutureWarning)
        model = openvino.convert_model(torch.export.export(FlatDense(dense), (canvas,)))
    model.reshape(list(canvas.shape))
    for output, name in zip(model.outputs, named_maps(dense(canvas)[2]), strict=True):
        output.tensor.set_names({name})
    return model
