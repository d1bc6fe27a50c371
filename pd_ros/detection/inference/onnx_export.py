"""A dense part as an ONNX file; needs onnx and onnxscript, see packaging/requirements/onnx.txt."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pd_ros.detection.bev.detector import DenseNetwork
from pd_ros.detection.types import HeadMaps


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


_KINDS = ("heatmap", "box", "direction", "quality")


class FlatDense(nn.Module):
    """Canvas to the head's maps alone: stages and neck are of use to training only."""

    def __init__(self, dense: DenseNetwork) -> None:
        super().__init__()
        self.dense = dense

    def forward(self, canvas: Tensor) -> tuple[Tensor, ...]:
        """Canvas ``[1, C, rows, columns]`` -> the maps in the order of ``named_maps``."""
        return tuple(named_maps(self.dense(canvas)[2]).values())


def named_maps(maps: HeadMaps) -> dict[str, Tensor]:
    """``heatmap``, ``box`` and so on, as far as there are; of coarser levels with _1 ..."""
    return {
        f"{kind}_{number}" if number else kind: values
        for number, level in enumerate(maps.levels)
        for kind in _KINDS
        if (values := getattr(level, kind)) is not None
    }


def join_maps(named: Mapping[str, Tensor]) -> HeadMaps:
    """The maps of ``named_maps`` as they were."""
    finest, *coarser = (
        HeadMaps(*(named.get(f"{kind}_{number}" if number else kind) for kind in _KINDS))  # type: ignore[arg-type]
        for number in range(sum(name.startswith("heatmap") for name in named))
    )
    return finest._replace(coarser=tuple(coarser))


def cache_folder(backend: str, dense: DenseNetwork, canvas: Tensor, version: str) -> Path:
    """The folder of one network for one version of a runtime; it may not be there yet."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "pd_ros" / backend / _key(dense, canvas, version)


def _key(dense: DenseNetwork, canvas: Tensor, version: str) -> str:
    """Of everything that the converted network depends on."""
    shape, kind = tuple(canvas.shape), canvas.dtype
    digest = hashlib.sha256(f"{version} {torch.__version__} {shape} {kind} {dense}".encode())
    for name, values in dense.state_dict().items():
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(values.cpu().numpy()).tobytes())
    return digest.hexdigest()[:32]
