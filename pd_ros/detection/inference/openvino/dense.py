"""The dense part run by OpenVINO on a CPU; needs packaging/requirements/openvino.txt."""

from typing import Any

import torch
from torch import Tensor

from pd_ros.detection.bev.detector import DenseNetwork
from pd_ros.detection.bev.quantised import QuantisedDense
from pd_ros.detection.inference.onnx_export import join_maps
from pd_ros.detection.inference.openvino.convert import (
    import_openvino,
    openvino_core,
    read_or_convert,
    read_quantised,
)
from pd_ros.detection.types import HeadMaps, OnStage


def make_openvino(
    dense: DenseNetwork,
    canvas_shape: tuple[int, int, int],
    precision: torch.dtype,
    int8: QuantisedDense | None,
) -> "OpenVinoDense":
    """The network, or in its place the one in int8; what that left as floats has the precision.

    Raises ``ValueError`` where OpenVINO is not installed, or cannot read the one in int8.
    """
    canvas = torch.zeros(1, *canvas_shape)
    model = read_or_convert(dense, canvas) if int8 is None else read_quantised(int8, canvas)
    return OpenVinoDense(model, precision)


class OpenVinoDense:
    """Backbone, neck and head as one compiled network; the canvas is read where it lies."""

    def __init__(self, model: Any, precision: torch.dtype) -> None:
        self._openvino = import_openvino()
        self._half = precision == torch.bfloat16
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if self._half else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",
            # Two detectors on one machine must not be held on the same core.
            "ENABLE_CPU_PINNING": False,
        }
        compiled = openvino_core().compile_model(self._channels_last(model), "CPU", settings)
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
