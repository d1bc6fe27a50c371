"""OpenPCDet's anchor heads of several parts (``AnchorHeadMulti``) as one head.

All parts look at the same map by convolutions of 1 x 1, so together they are one convolution. The
anchors of a part never stand for a class of another one: there the weights are 0, and the logit
is so low that the score is 0.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import AnchorHeadConfig

_HEAD = re.compile(r"dense_head\.rpn_heads\.(\d+)\.(.+)")
_MAPS = ("conv_cls", "conv_box", "conv_dir_cls")
_NEVER = -100.0  # a logit whose sigmoid is 0 for all that anybody does with it


class _Head(NamedTuple):
    """One part: numbers of its classes, and its convolutions."""

    name: str
    classes: list[int]
    weights: dict[str, Tensor]


def join_heads(
    weights: Mapping[str, Tensor], config: ModelConfig, head: AnchorHeadConfig
) -> dict[str, Tensor]:
    """The weights with one head in the place of the parts; the same if there are none.

    Raises ``ValueError`` that names what the parts have and our heads do not.
    """
    heads = _heads(weights)
    joined = {name: value for name, value in weights.items() if not _HEAD.fullmatch(name)}
    if not heads:
        return joined
    rows: dict[str, list[Tensor | None]] = {
        f"dense_head.{kind}.{what}": [None] * len(config.classes)
        for kind in _MAPS
        for what in ("weight", "bias")
    }
    for part in heads:
        _check(part, config, head)
        for name, places in rows.items():
            kind, what = name.split(".")[1:]
            values = part.weights[f"{kind}.{what}"]
            whole = _all_classes(values, what, part, config, head) if kind == _MAPS[0] else values
            for number, piece in zip(
                part.classes, torch.chunk(whole, len(part.classes)), strict=True
            ):
                places[number] = piece
    for name, places in rows.items():
        found = [piece for piece in places if piece is not None]
        if len(found) == len(places):
            joined[name] = torch.cat(found)
    return joined


def _heads(weights: Mapping[str, Tensor]) -> list[_Head]:
    parts: dict[int, dict[str, Tensor]] = {}
    for name, value in weights.items():
        if match := _HEAD.fullmatch(name):
            parts.setdefault(int(match[1]), {})[match[2]] = value
    found = []
    for number, part in sorted(parts.items()):
        name = f"dense_head.rpn_heads.{number}"
        if "head_label_indices" not in part:
            raise ValueError(f"{name}: expected head_label_indices, which say its classes; none")
        labels = part.pop("head_label_indices")
        found.append(_Head(name, [label - 1 for label in labels.flatten().tolist()], part))
    return found


def _check(part: _Head, config: ModelConfig, head: AnchorHeadConfig) -> None:
    expected = {f"{kind}.{what}" for kind in _MAPS for what in ("weight", "bias")}
    problems = [f"missing: {part.name}.{name}" for name in sorted(expected - part.weights.keys())]
    problems += [f"unknown: {name}" for name in sorted(_unknown(part, expected))]
    if not set(part.classes) <= set(range(len(config.classes))):
        problems.append(f"{part.name}: its classes {part.classes} are none of {config.classes}")
    if not problems and len(part.weights["conv_dir_cls.bias"]) != 2 * _anchors(part, head):
        problems.append(
            f"of another shape: {part.name}.conv_dir_cls.bias: expected"
            f" {2 * _anchors(part, head)} values for {len(part.classes)} classes with"
            f" {len(head.rotations_rad)} anchors each"
        )
    if problems:
        raise ValueError(
            "expected a head whose parts are convolutions of 1 x 1 for classes, box and direction;"
            " own layers of a part (RPN_HEAD_CFGS with LAYER_NUMS, SEPARATE_REG_CONFIG) and angles"
            " by sine and cosine (encode_angle_by_sincos) are not known here\n  "
            + "\n  ".join(problems)
        )


def _unknown(part: _Head, expected: set[str]) -> Iterator[str]:
    for name in part.weights.keys() - expected:
        if not name.endswith("num_batches_tracked"):
            yield f"{part.name}.{name}"


def _anchors(part: _Head, head: AnchorHeadConfig) -> int:
    return len(part.classes) * len(head.rotations_rad)


def _all_classes(
    values: Tensor, what: str, part: _Head, config: ModelConfig, head: AnchorHeadConfig
) -> Tensor:
    """Rows of a part's class convolution, anchor by anchor, with rows for all classes."""
    anchors, count = _anchors(part, head), len(config.classes)
    known = len(values) // anchors
    if known == count:  # each part tells all classes apart
        return values
    if known != len(part.classes) or len(values) % anchors:
        raise ValueError(
            f"of another shape: {part.name}.conv_cls.{what}: expected {anchors} anchors x"
            f" {len(part.classes)} or {count} classes, got {len(values)} rows"
        )
    rest = values.shape[1:]
    whole = values.new_full((anchors, count, *rest), _NEVER if what == "bias" else 0.0)
    whole[:, part.classes] = values.view(anchors, known, *rest)
    return whole.flatten(0, 1)
