"""The dense part as a network of OpenVINO: converted once and kept, or read from a checkpoint."""

import logging
import os
import shutil
import tempfile
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pd_ros.detection.bev.detector import DenseNetwork
from pd_ros.detection.bev.quantised import QuantisedDense
from pd_ros.detection.inference.onnx_export import FlatDense, cache_folder, named_maps

_log = logging.getLogger(__name__)


def import_openvino() -> Any:
    """The module; ``ValueError`` that says what to install where there is none."""
    try:
        import openvino  # noqa: PLC0415
        import openvino.preprocess  # noqa: PLC0415
    except ImportError as error:
        raise ValueError(
            f"backend: openvino cannot be imported ({error}); install"
            " packaging/requirements/openvino.txt, or choose the backend torch and a checkpoint"
            " that is not quantised"
        ) from None
    return openvino


@cache
def openvino_core() -> Any:
    """The one core of this process, never dropped.

    OpenVINO gives the thread that first uses a CPU a stack for signals and unmaps it with the
    last user of that core, in whichever thread that is: the next signal would then be written
    over what has taken the stack's place.
    """
    return import_openvino().Core()


def read_or_convert(dense: DenseNetwork, canvas: Tensor) -> Any:
    """OpenVINO's model, from the cache if it has been there before: converting takes seconds.

    A cache that cannot be read or written costs time only.
    """
    file = cache_folder("openvino", dense, canvas, import_openvino().__version__) / "dense.xml"
    if file.exists():
        try:
            return openvino_core().read_model(file)
        except RuntimeError as error:
            _log.warning("%s: cannot be read and is written anew (%s)", file, error)
    model = convert(dense, canvas)
    try:
        _save(model, file.parent)
    except (OSError, RuntimeError) as error:
        _log.warning("%s: cannot be written, so that each start converts (%s)", file, error)
    return model


@torch.no_grad()
def convert(dense: DenseNetwork, canvas: Tensor) -> Any:
    """OpenVINO's model of a dense part; outputs are named as by ``named_maps``."""
    with warnings.catch_warnings():  # of the two libraries about each other
        warnings.simplefilter("ignore", FutureWarning)
        exported = torch.export.export(FlatDense(dense), (canvas,))
        model = import_openvino().convert_model(exported)
    model.reshape(list(canvas.shape))
    for output, name in zip(model.outputs, named_maps(dense(canvas)[2]), strict=True):
        output.tensor.set_names({name})
    return model


def read_quantised(int8: QuantisedDense, canvas: Tensor) -> Any:
    """The network in int8 of a checkpoint.

    Raises ``ValueError`` for one that this OpenVINO cannot read or that is not of such a canvas.
    """
    try:
        model = openvino_core().read_model(int8.network, int8.weights)
        shape = tuple(model.input().shape)
    except RuntimeError as error:
        raise ValueError(
            f"{int8.where}: its part in int8, written by OpenVINO {int8.record.openvino}, cannot"
            f" be read by OpenVINO {import_openvino().__version__} ({error}); install that"
            " version, or run pd_ros.quantise again"
        ) from None
    if shape != tuple(canvas.shape):
        raise ValueError(
            f"{int8.where}: expected a part in int8 of a canvas {tuple(canvas.shape)}, got one of"
            f" {shape}; run pd_ros.quantise again"
        )
    return model


def to_bytes(model: Any) -> tuple[bytes, bytes]:
    """A network's structure and its weights, as ``read_model`` takes them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dense.xml"
        import_openvino().save_model(model, path, compress_to_fp16=False)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()


def _save(model: Any, folder: Path) -> None:
    """Write a model, whole or not at all."""
    begun = folder.with_name(f"{folder.name}.{os.getpid()}")
    begun.mkdir(parents=True, exist_ok=True)
    import_openvino().save_model(model, begun / "dense.xml", compress_to_fp16=False)
    shutil.rmtree(folder, ignore_errors=True)
    begun.replace(folder)
