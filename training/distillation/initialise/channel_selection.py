"""Select the channels of a layer that explain most of all its channels, on some frames."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.types import PillarBatch
from training.batches.norm import norms

# Weight of a cell in which the teacher sees nothing, beside 1 where it is certain: there are a
# hundred such cells for each one with an object.
_BACKGROUND = 0.01
_MAP = 4  # axes: sample, channel, row, column


class Example(NamedTuple):
    """What student and teacher are given of the same frames, and where objects are in them."""

    student: PillarBatch
    teacher: PillarBatch
    scores: Tensor  # [B, 1, H, W] the teacher's best score of each cell


@torch.no_grad()
def make_example(teacher: BevDetector, student_batch: PillarBatch, batch: PillarBatch) -> Example:
    """An example; ``batch`` is the teacher's, which is in evaluation mode."""
    scores = teacher(batch).heatmap.float().sigmoid().amax(dim=1, keepdim=True)
    return Example(student_batch, batch, scores)


def importance(scores: Tensor, size: Sequence[int]) -> Tensor:
    """Weights ``[B * H * W]`` of the cells of a map of another size."""
    finer = size[0] > scores.shape[-2]
    best = (
        F.interpolate(scores, list(size)) if finer else F.adaptive_max_pool2d(scores, list(size))
    )
    return best.flatten() + _BACKGROUND


def importance_of_voxels(scores: Tensor, voxels: Tensor, shape: Sequence[int]) -> Tensor:
    """Weights ``[V]`` of voxels ``[V, 4]`` (sample, layer, row, column) of a grid of a shape."""
    sample, _, row, column = voxels.long().unbind(1)
    rows, columns = (
        cell * size // of
        for cell, size, of in zip((row, column), scores.shape[2:], shape[1:], strict=True)
    )
    return scores[sample, 0, rows, columns] + _BACKGROUND


@torch.no_grad()
def measure_overlaps(teacher: BevDetector, examples: Sequence[Example]) -> dict[nn.Module, Tensor]:
    """``[C, C]`` sums of products of the channels after each batch norm and its ReLU.

    Cells of maps weigh as ``importance`` says, points and voxels are all alike.
    """
    overlaps: dict[nn.Module, Tensor] = {}
    for example in examples:
        for norm, output in _normed(teacher, example.teacher):
            rows = torch.relu(output)
            if output.dim() == _MAP:
                weights = importance(example.scores, output.shape[2:])
                rows = rows.permute(0, 2, 3, 1).flatten(0, 2) * weights.sqrt()[:, None]
            product = (rows.T @ rows).double().cpu()
            overlaps[norm] = overlaps[norm] + product if norm in overlaps else product
    return overlaps


def _normed(network: nn.Module, batch: PillarBatch) -> list[tuple[nn.Module, Tensor]]:
    """Every batch norm of a network and what it makes of a batch."""
    seen: list[tuple[nn.Module, Tensor]] = []
    hooks = [
        norm.register_forward_hook(lambda norm, _inputs, output: seen.append((norm, output)))
        for norm in norms(network)
    ]
    try:
        network(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return seen


def best_channels(overlaps: Tensor, count: int) -> Tensor:
    """The channels that, joined linearly, explain most of all channels' squares: ``[count]``.

    Greedy: each next one is that which explains most of what those before it leave open.
    ``overlaps`` ``[C, C]``: sums of products. Rising; of silent channels the first ones.
    """
    rest, chosen = overlaps.clone(), torch.zeros(len(overlaps), dtype=torch.bool)
    least = torch.finfo(rest.dtype).eps * rest.diagonal().max().clamp(min=1)
    for _ in range(count):
        open_part = rest.diagonal()
        gain = rest.square().sum(dim=0) / open_part.clamp(min=least)
        gain = gain.where(open_part > least, 0).masked_fill(chosen, -1)
        best = int(gain.argmax())
        chosen[best] = True
        if open_part[best] > least:
            rest = rest - torch.outer(rest[best], rest[best]) / open_part[best]
    return chosen.nonzero().squeeze(1)
