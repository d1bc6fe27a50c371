"""Boxes as a detector has them before suppression: many about every object, and some astray."""

from typing import NamedTuple

import torch
from torch import Tensor

# Length, width, height in metres: cars (7 of 10), pedestrians (2), cyclists.
_SIZES = ((4.2, 1.8, 1.5), (0.8, 0.6, 1.7), (1.8, 0.6, 1.7))
_UP_TO = (0.7, 0.9)
_AREA_M = 70.0
_GROUND_M = -1.0
# Proposals about an object: how far they lie from it, as a share of its size, and turned, rad.
_OFFSET, _SIZE, _TURN = 0.12, 0.06, 0.06


class NmsInput(NamedTuple):
    """Boxes ``[N, 7]`` and scores ``[N]``, in no order."""

    boxes: Tensor
    scores: Tensor


def draw_proposals(count: int, objects: int, astray: float, seed: int) -> NmsInput:
    """Draw ``count`` proposals about so many objects, a share of ``astray`` about none.

    Near objects have more of them than far ones; the score falls with the distance from the
    object. The same seed draws the same.
    """
    generator = torch.Generator().manual_seed(seed)
    truth = _draw_objects(objects, generator)
    distance = truth[:, :2].norm(dim=1)
    chosen = torch.multinomial(1 / (10 + distance), count, True, generator=generator)
    noise = torch.randn(count, 5, generator=generator)
    boxes = truth[chosen]
    shift = _OFFSET * boxes[:, 3:5] * noise[:, :2]
    boxes[:, :2] += _turned(shift, boxes[:, 6])
    boxes[:, 3:5] *= (_SIZE * noise[:, 2:4]).exp()
    boxes[:, 6] += _TURN * noise[:, 4]
    scores = torch.sigmoid(2 - noise.square().sum(dim=1) / 2)
    lost = torch.rand(count, generator=generator) < astray
    boxes[lost] = _draw_objects(int(lost.sum()), generator)
    scores[lost] = 0.2 * torch.rand(int(lost.sum()), generator=generator)
    return NmsInput(boxes, scores)


def _draw_objects(count: int, generator: torch.Generator) -> Tensor:
    kinds = torch.bucketize(torch.rand(count, generator=generator), torch.tensor(_UP_TO))
    place = _AREA_M * (2 * torch.rand(count, 2, generator=generator) - 1)
    height = torch.full((count, 1), _GROUND_M)
    yaw = torch.pi * (2 * torch.rand(count, 1, generator=generator) - 1)
    return torch.cat((place, height, torch.tensor(_SIZES)[kinds], yaw), dim=1)


def _turned(shift: Tensor, yaw: Tensor) -> Tensor:
    cos, sin = yaw.cos(), yaw.sin()
    x, y = shift.unbind(1)
    return torch.stack((x * cos - y * sin, x * sin + y * cos), dim=1)
