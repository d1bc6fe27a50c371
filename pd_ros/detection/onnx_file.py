"""A dense part as an ONNX file; needs onnx and onnxscript, see packaging/requirements/onnx.txt."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn


def write_onnx(network: nn.Module, canvas: Tensor, names: Sequence[str], path: Path) -> None:
    """Write a network of one input ``canvas``, of a fixed size, with its outputs' names.

    Raises ``ValueError`` where onnx is not installed.
    """
    try:
        torch.onnx.export(
            network, (canvas,), path, input_names=["canvas"], output_names=list(names),
            dynamo=True, external_data=False, verbose=False,
        )  # fmt: skip
    except ImportError as error:
        raise ValueError(
            f"{path}: to write it needs onnx and onnxscript ({error}); install"
            " packaging/requirements/onnx.txt"
        ) from None
