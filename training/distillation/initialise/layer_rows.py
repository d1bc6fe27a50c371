"""A layer as a matrix product: rows of inputs, and the outputs that its weights make of them."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.distillation.initialise.channel_selection import importance, importance_of_voxels
from training.profile.operations import is_sparse, voxels_under


def is_product(layer: nn.Module) -> bool:
    """Whether ``rows_of`` knows the layer."""
    return isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d) or is_sparse(layer)


def rows_of(
    layer: nn.Module, given: Any, own: Any, wanted: Any, scores: Tensor
) -> tuple[Tensor, Tensor]:
    """Inputs ``[N, D]`` of a layer and wanted outputs ``[N, O]``, each as far as it matters.

    ``given``: the layer's input, ``own``: its output, ``wanted``: that of a layer like it;
    ``scores``: where objects are. Points and pillars are all alike.
    """
    if isinstance(layer, nn.Linear):
        return _with_one(layer, given), wanted
    if isinstance(layer, nn.Conv2d):
        patches = F.unfold(given, layer.kernel_size, 1, int(layer.padding[0]), layer.stride)
        inputs, outputs = patches.transpose(1, 2).flatten(0, 1), _by_cell(wanted)
        weights = importance(scores, wanted.shape[2:])
    elif isinstance(layer, nn.ConvTranspose2d):  # kernel and stride are the same: no overlaps
        inputs, outputs = _by_cell(given), _by_cell(F.pixel_unshuffle(wanted, layer.stride[0]))
        weights = importance(scores, given.shape[2:])
    else:
        inputs, outputs = _voxel_patches(layer, given, own), _same_voxels(own, wanted)
        weights = importance_of_voxels(scores, own.indices, own.spatial_shape)
    scale = weights.sqrt()[:, None]
    return _with_one(layer, inputs) * scale, outputs * scale


def set_weights(layer: nn.Module, solution: Tensor) -> None:
    """Give a layer the weights ``[D, O]``, with the bias, if it has one, as their last row."""
    assert isinstance(layer.weight, Tensor)
    if layer.bias is not None:
        assert isinstance(layer.bias, Tensor)
        solution, bias = solution[:-1], solution[-1]
        layer.bias.copy_(bias)
    if not isinstance(layer, nn.ConvTranspose2d):
        solution = solution.T
    layer.weight.copy_(solution.reshape(layer.weight.shape))


def _by_cell(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).flatten(0, 2)


def _with_one(layer: nn.Module, inputs: Tensor) -> Tensor:
    """With a constant for the bias, if the layer has one."""
    if layer.bias is None:
        return inputs
    return torch.cat((inputs, inputs.new_ones(len(inputs), 1)), dim=1)


def _voxel_patches(layer: Any, given: Any, own: Any) -> Tensor:
    """Gather what lies under the kernel at each voxel of the output: ``[U, places * C]``."""
    rows = torch.cat((given.features, given.features.new_zeros(1, given.features.shape[1])))
    step = (layer.kernel_size, layer.stride, layer.padding)
    under = voxels_under(given.indices, own.indices, *step)
    return torch.cat([rows.index_select(0, index) for index in under], dim=1)


def _same_voxels(own: Any, wanted: Any) -> Tensor:
    """The wanted features in the order of the layer's own output."""
    one, none = (1, 1, 1), (0, 0, 0)
    (place,) = voxels_under(wanted.indices, own.indices, one, one, none)
    features: Tensor = wanted.features
    return features.index_select(0, place)
