"""Multiply-adds and activations of a network over a cloud."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pd_ros.detection.families import AnyModel, AnyModelConfig, make_batch
from training.profile.cost.sparse import SparseCost

DenseLayer = nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d | nn.Linear


class Operations(NamedTuple):
    """What one forward pass computes."""

    gmacs: float  # 1e9 multiply-adds of dense convolutions and linear layers
    sparse_gmacs: float  # 1e9 multiply-adds of sparse convolutions, by pairs of voxels
    mactivations: float  # 1e6 outputs of all these layers


@torch.no_grad()
def count_operations(model: AnyModel, cloud: Tensor, config: AnyModelConfig) -> Operations:
    """Operations of a network in evaluation over a cloud ``[N, 3 + C]``.

    What the cloud's points do not reach costs a sparse layer nothing.
    """
    batch = make_batch([cloud], config)
    counts: list[tuple[int, int]] = []

    def note(layer: DenseLayer, inputs: tuple[Tensor], output: Tensor) -> None:
        # A row of weights is used for every input place of a transposed layer, else for every
        # output. torch's own counter takes in what sparse layers multiply, too.
        uses = inputs[0] if isinstance(layer, nn.ConvTranspose2d) else output
        counts.append((uses.numel() * layer.weight[0].numel(), output.numel()))

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, DenseLayer)]
    with SparseCost(model) as sparse:
        model(batch)
    for hook in hooks:
        hook.remove()
    multiply_adds, activations = map(sum, zip(*counts, strict=True))
    return Operations(
        multiply_adds / 1e9, sparse.multiply_adds / 1e9, (activations + sparse.activations) / 1e6
    )
