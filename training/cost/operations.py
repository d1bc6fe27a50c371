"""Multiply-adds and activations of a network over a cloud."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pd_ros.detection.config import ModelConfig
from pd_ros.detection.model import BevDetector
from pd_ros.detection.pillars import pillarize
from training.cost.sparse import SparseCost


class Operations(NamedTuple):
    """What one forward pass computes."""

    gmacs: float  # 1e9 multiply-adds of dense convolutions and linear layers
    sparse_gmacs: float  # 1e9 multiply-adds of sparse convolutions, by pairs of voxels
    mactivations: float  # 1e6 outputs of all these layers


@torch.no_grad()
def count_operations(model: BevDetector, cloud: Tensor, config: ModelConfig) -> Operations:
    """Operations of a network in evaluation over a cloud ``[N, 3 + C]``.

    What the cloud's points do not reach costs a sparse layer nothing.
    """
    batch = pillarize([cloud], config.grid, config.capacity)
    outputs: list[int] = []

    def note(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        outputs.append(output.numel())

    layers = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, layers)]
    with FlopCounterMode(display=False) as counter, SparseCost(model) as sparse:
        model(batch)
    for hook in hooks:
        hook.remove()
    activations = sum(outputs) + sparse.activations
    # FLOPs count a multiply-add twice.
    multiply_adds = counter.get_total_flops() / 2
    return Operations(multiply_adds / 1e9, sparse.multiply_adds / 1e9, activations / 1e6)
