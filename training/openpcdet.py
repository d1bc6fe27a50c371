"""Where OpenPCDet keeps each weight of our networks, and its checkpoints as ours.

Layers agree in order, kernel, stride, padding and epsilon, so only names differ, and, before
spconv 2, the axes of sparse kernels.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from pd_ros.detection.config import ModelConfig
from pd_ros.detection.model import BevDetector
from pd_ros.detection.part_config import SparseEncoderConfig

_CENTER_BRANCHES = {
    "offset": "center",
    "height": "center_z",
    "size": "dim",
    "rotation": "rot",
    "heatmap": "hm",
}
_ANCHOR_MAPS = {"classes": "conv_cls", "box": "conv_box", "direction": "conv_dir_cls"}
_BOOKKEEPING = ("global_step", "num_batches_tracked")


def convert(weights: Mapping[str, Tensor], model: BevDetector, config: ModelConfig) -> None:
    """Fill a network with the weights of an OpenPCDet checkpoint (its ``model_state``).

    Raises ``ValueError`` that lists every weight that is missing, left over or of another shape;
    then nothing was filled. A convolution whose batch norm makes its bias needless may come
    without one: it is 0.
    """
    state = {k: v for k, v in model.state_dict().items() if "num_batches_tracked" not in k}
    sources = {name: openpcdet_name(name, config) for name in state}
    known = {name for name in weights if not name.endswith(_BOOKKEEPING)}
    found = {
        name: _fitted(weights[source], state[name])
        for name, source in sources.items()
        if source in known
    }
    problems = [
        f"missing: {source}"
        for name, source in sources.items()
        if name not in found and not _is_needless_bias(name)
    ]
    problems += [f"unknown: {name}" for name in sorted(known - set(sources.values()))]
    problems += [
        f"of another shape: {sources[name]}: expected {tuple(state[name].shape)}, got"
        f" {tuple(weights[sources[name]].shape)}"
        for name, value in found.items()
        if value.shape != state[name].shape
    ]
    if problems:
        raise ValueError(
            f"expected a checkpoint of {config.name}, got {len(problems)} weights that do not fit;"
            " choose the YAML of the network that was trained\n  " + "\n  ".join(problems)
        )
    for name, target in state.items():
        target.copy_(found.get(name, torch.zeros(())))


def openpcdet_name(name: str, config: ModelConfig) -> str:
    """OpenPCDet's name of one of our weights."""
    part, _, rest = name.partition(".")
    if part == "encoder":
        return _encoder_name(rest, config)
    part, _, rest = rest.partition(".")
    pieces = rest.split(".")
    if part == "backbone":
        stage, block, layer = (int(piece) for piece in pieces[1:4])
        # Theirs is one flat list, with the padding of the first convolution in front.
        return f"backbone_2d.blocks.{stage}.{1 + 3 * block + layer}.{pieces[4]}"
    if part == "neck":
        return f"backbone_2d.deblocks.{'.'.join(pieces[1:])}"
    return _head_name(pieces)


def _head_name(pieces: list[str]) -> str:
    branch = pieces[0]
    if branch in _ANCHOR_MAPS and len(pieces) == 2:
        return f"dense_head.{_ANCHOR_MAPS[branch]}.{pieces[1]}"
    if branch == "shared":
        return f"dense_head.shared_conv.{'.'.join(pieces[1:])}"
    layer = {"0": "0.0", "1": "0.1", "3": "1"}[pieces[1]]
    return f"dense_head.heads_list.0.{_CENTER_BRANCHES[branch]}.{layer}.{pieces[2]}"


def _encoder_name(rest: str, config: ModelConfig) -> str:
    pieces = rest.split(".")
    if not isinstance(config.encoder, SparseEncoderConfig):
        return f"vfe.pfn_layers.{'.'.join(pieces[1:])}"
    place = _sparse_places(config.encoder)[int(pieces[1])]
    if pieces[2] in ("convolutions", "biases", "norms"):
        number = int(pieces[3]) + 1
        layer = {"convolutions": "conv", "biases": "conv", "norms": "bn"}[pieces[2]]
        what = "bias" if pieces[2] == "biases" else pieces[4]
        return f"backbone_3d.{place}.{layer}{number}.{what}"
    return f"backbone_3d.{place}.{'.'.join(pieces[2:])}"


def _sparse_places(encoder: SparseEncoderConfig) -> list[str]:
    """OpenPCDet's name of each of our sparse stages, in order."""
    places = ["conv_input"]
    for stage, count in enumerate(encoder.layers, start=1):
        strided = 1 if stage > 1 else 0
        places += [f"conv{stage}.{i}" for i in range(count + strided)]
    return [*places, "conv_out"]


def _fitted(value: Tensor, target: Tensor) -> Tensor:
    """Sparse kernels of spconv 1 (kernel, in, out) as those of spconv 2 (out, kernel, in)."""
    if value.dim() == 5 and value.shape != target.shape:
        turned = value.permute(4, 0, 1, 2, 3)
        return turned if turned.shape == target.shape else value
    return value


def _is_needless_bias(name: str) -> bool:
    """A bias in front of batch norm in CenterPoint's head; OpenPCDet has it or not, as told."""
    return name.startswith("dense.head.") and name.endswith(".0.bias")
