"""Detectors as the checks want them: some boxes whatever the weights, exact products, a device."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pd_ros.benchmark.inputs import find_model, load_network, with_features
from pd_ros.check_device.check import Setting, Skip
from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.checkpoint import Checkpoint, network_from_above
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import SparseEncoderConfig
from pd_ros.detection.device import PRECISIONS, has_bf16
from pd_ros.detection.families import AnyModelConfig
from pd_ros.detection.inference.fold_norm import fold_batch_norm
from pd_ros.detection.types import HeadMaps, PillarBatch

CPU = torch.device("cpu")
_FEW = 200  # candidates of a network that has learnt nothing, which tells none from the others


def load(setting: Setting) -> Checkpoint:
    """A detector that finds boxes: trained, or fresh with the same weights each time.

    A fresh one gets statistics of batch norm that are not those of a layer which does nothing, and
    no threshold. Raises ``Skip`` for one of voxels on a GPU that spconv was not built for.
    """
    checkpoint = load_network(find_model(setting.network))
    sparse = isinstance(getattr(checkpoint.config, "encoder", None), SparseEncoderConfig)
    if sparse and setting.device != "cpu" and not spconv_knows_gpus():
        raise Skip("spconv is a build without GPUs; install packaging/requirements/spconv.txt")
    if checkpoint.training:
        return checkpoint
    generator = torch.Generator().manual_seed(0)
    for key, values in checkpoint.model.named_buffers():
        if key.endswith("running_mean"):
            values.normal_(std=0.1, generator=generator)
        if key.endswith("running_var"):
            values.uniform_(0.5, 2, generator=generator)
    changes = {"score_threshold": 0.0, "max_candidates": _FEW}
    decode = checkpoint.config.decode.model_copy(update=changes)
    return checkpoint._replace(config=checkpoint.config.model_copy(update={"decode": decode}))


def load_bev(setting: Setting) -> tuple[BevDetector, ModelConfig]:
    """The same for one that looks from above, its batch norm not yet folded."""
    return network_from_above(load(setting))


def spconv_knows_gpus() -> bool:
    """Whether the spconv that is installed was built with CUDA."""
    from spconv.cppconstants import CPU_ONLY_BUILD  # noqa: PLC0415 - a network of voxels has it

    return not CPU_ONLY_BUILD


def device_of(setting: Setting) -> torch.device:
    """The device that is checked."""
    return torch.device(setting.device)


def cloud_of(points: NDArray[np.float32], config: AnyModelConfig) -> Tensor:
    """A sweep ``[N, 4]`` as a network's cloud ``[N, 3 + C]``."""
    return with_features(points, config)


def batch_of(cloud: Tensor, config: ModelConfig) -> PillarBatch:
    """The pillars or voxels of a cloud, where it lies."""
    return pillarize([cloud], config.grid, config.capacity)


def precisions(device: torch.device) -> dict[str, torch.dtype]:
    """Those to check on a device: all on a GPU, on a CPU those that its hardware has."""
    if device.type == "cuda":
        return PRECISIONS
    names = ("fp32", "bf16") if has_bf16(device) else ("fp32",)
    return {name: PRECISIONS[name] for name in names}


@contextmanager
def exact_products() -> Iterator[None]:
    """Without TF32, which rounds factors to 10 bits and is a GPU's own way with convolutions."""
    flags: tuple[Any, ...] = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [flag.allow_tf32 for flag in flags]
    for flag in flags:
        flag.allow_tf32 = False
    try:
        yield
    finally:
        for flag, value in zip(flags, before, strict=True):
            flag.allow_tf32 = value


@torch.inference_mode()
def canvas_on_cpu(model: BevDetector, config: ModelConfig, cloud: Tensor) -> Tensor:
    """The canvas ``[1, C, rows, columns]`` that the CPU makes of a cloud in fp32."""
    batch = batch_of(cloud, config)
    return model.encoder.canvas(model.encoder(batch), batch).contiguous()


@torch.inference_mode()
def maps_on_cpu(model: BevDetector, canvas: Tensor) -> HeadMaps:
    """The head's maps that the CPU makes of a canvas in fp32; batch norm is folded for it."""
    dense = fold_batch_norm(model.dense.eval())
    maps: HeadMaps = dense(canvas)[2]
    return maps


def move_maps(maps: HeadMaps, device: torch.device) -> HeadMaps:
    """The maps of all levels of a head on a device."""
    direction, quality = (
        None if each is None else each.to(device) for each in (maps.direction, maps.quality)
    )
    coarser = tuple(move_maps(level, device) for level in maps.coarser)
    return HeadMaps(maps.heatmap.to(device), maps.box.to(device), direction, quality, coarser)
