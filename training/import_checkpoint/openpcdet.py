"""Map OpenPCDet's weights to those of our networks, and its checkpoints to ours.

Layers agree in order, kernel, stride, padding and epsilon, so only names differ, and, before
spconv 2, the axes of sparse kernels. What its heads of several groups of classes keep apart is
one branch of ours, group after group.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from torch import Tensor

from pd_ros.detection.bev.center_head import widest
from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import AnchorHeadConfig, SparseEncoderConfig
from training.import_checkpoint.openpcdet_multihead import join_heads

_CENTER_BRANCHES = {
    "offset": "center",
    "height": "center_z",
    "size": "dim",
    "rotation": "rot",
    "velocity": "vel",
    "heatmap": "hm",
}
_ANCHOR_MAPS = {"classes": "conv_cls", "box": "conv_box", "direction": "conv_dir_cls"}
_BOOKKEEPING = ("global_step", "num_batches_tracked")
# What wrappers of torch put before every name: DistributedDataParallel and torch.compile.
_WRAPPERS = ("module.", "_orig_mod.")


class Part(NamedTuple):
    """The rows of one of our weights that one of OpenPCDet's fills."""

    source: str
    rows: slice = slice(None)


def convert(weights: Mapping[str, Tensor], model: BevDetector, config: ModelConfig) -> None:
    """Fill a network with the weights of an OpenPCDet checkpoint (its ``model_state``).

    Raises ``ValueError`` that lists every weight that is missing, left over, of another type or
    shape; then nothing was filled. A convolution whose batch norm makes its bias needless may come
    without one: it is 0.
    """
    weights = without_wrappers(weights)
    if isinstance(config.head, AnchorHeadConfig):
        weights = join_heads(weights, config, config.head)
    state = {k: v for k, v in model.state_dict().items() if "num_batches_tracked" not in k}
    parts = {name: openpcdet_parts(name, config) for name in state}
    problems = list(_problems(weights, state, parts))
    if problems:
        raise ValueError(
            f"expected a checkpoint of {config.name}, got {len(problems)} weights that do not fit;"
            f" choose the YAML of the network that was trained{_hint(weights)}\n  "
            + "\n  ".join(problems)
        )
    for name, target in state.items():
        target.zero_()
        for source, rows in parts[name]:
            if source in weights:
                target[rows].copy_(_fitted(weights[source], target[rows]))


def scale_intensity(model: BevDetector, config: ModelConfig, most: float) -> None:
    """Let a network that was trained on intensities from 0 to ``most`` take them from 0 to 1."""
    weights = (value for value in model.encoder.state_dict().values() if value.dim() > 1)
    first = next(weights)  # [..., 3 + C and more], a point's own values first
    first[..., 3 + config.features.index("intensity")] *= most


def without_wrappers(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights by the names that they have in the network itself.

    A network that is wrapped for several GPUs or compiled saves each name with a prefix.
    """
    for prefix in _WRAPPERS:
        if weights and all(name.startswith(prefix) for name in weights):
            inner = {name.removeprefix(prefix): value for name, value in weights.items()}
            return without_wrappers(inner)
    return dict(weights)


def openpcdet_parts(name: str, config: ModelConfig) -> list[Part]:
    """List OpenPCDet's weights that make up one of ours."""
    part, _, rest = name.partition(".")
    if part == "encoder":
        return [Part(_encoder_name(rest, config))]
    part, _, rest = rest.partition(".")
    pieces = rest.split(".")
    if part == "backbone":
        stage, block, layer = (int(piece) for piece in pieces[1:4])
        # Theirs is one flat list, with the padding of the first convolution in front.
        return [Part(f"backbone_2d.blocks.{stage}.{1 + 3 * block + layer}.{pieces[4]}")]
    if part == "neck":
        return [Part(f"backbone_2d.deblocks.{'.'.join(pieces[1:])}")]
    return _head_parts(pieces, config)


def _problems(
    weights: Mapping[str, Tensor], state: Mapping[str, Tensor], parts: Mapping[str, list[Part]]
) -> Iterator[str]:
    known = {name for name in weights if not name.endswith(_BOOKKEEPING)}
    for name, pieces in parts.items():
        if not _is_needless_bias(name):
            yield from (f"missing: {part.source}" for part in pieces if part.source not in known)
    named = {part.source for pieces in parts.values() for part in pieces}
    yield from (f"unknown: {name}" for name in sorted(known - named))
    for name, pieces in parts.items():
        for source, rows in pieces:
            expected = state[name][rows]
            if source in known and not weights[source].is_floating_point():
                yield f"of another type: {source}: expected floats, got {weights[source].dtype}"
            if source in known and _fitted(weights[source], expected).shape != expected.shape:
                got = tuple(_fitted(weights[source], expected).shape)
                yield f"of another shape: {source}: expected {tuple(expected.shape)}, got {got}"


def _hint(weights: Mapping[str, Tensor]) -> str:
    """Say what is known of networks that no YAML of ours describes."""
    for beginning, what in _FOREIGN.items():
        if any(name.startswith(beginning) for name in weights):
            return f" ({beginning.rstrip('.')}: {what}, which is not known here)"
    return ""


# First parts of names, of layers that ours do not have.
_FOREIGN = {
    "roi_head.": "a second stage that refines boxes",
    "point_head.": "a head on points",
    "pfe.": "key points of PV-RCNN",
    "backbone_2d.layers.": "another 2-D backbone",
    "dense_head.decoder.": "a head with attention",
}


def _head_parts(pieces: list[str], config: ModelConfig) -> list[Part]:
    branch = pieces[0]
    if branch in _ANCHOR_MAPS and len(pieces) == 2:
        return [Part(f"dense_head.{_ANCHOR_MAPS[branch]}.{pieces[1]}")]
    if branch == "shared":
        return [Part(f"dense_head.shared_conv.{'.'.join(pieces[1:])}")]
    layer = {"0": "0.0", "1": "0.1", "3": "1"}[pieces[1]]
    last = f"{_CENTER_BRANCHES[branch]}.{layer}.{pieces[2]}"
    return [
        Part(f"dense_head.heads_list.{number}.{last}", rows)
        for number, rows in enumerate(_rows(branch, layer == "1", config))
    ]


def _rows(branch: str, is_output: bool, config: ModelConfig) -> Iterator[slice]:
    """Rows of each group of classes in a weight of a branch; a heatmap's are those of its classes.

    The output of the heatmaps has room for as many classes as the largest group has.
    """
    assert not isinstance(config.head, AnchorHeadConfig)
    outputs = {"offset": 2, "height": 1, "size": 3, "rotation": 2, "velocity": 2}
    for number, group in enumerate(config.class_groups):
        if not is_output:
            width = used = config.head.width
        elif branch == "heatmap":
            width, used = widest(config.class_groups), len(group)
        else:
            width = used = outputs[branch]
        yield slice(number * width, number * width + used)


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
