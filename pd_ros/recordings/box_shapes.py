"""Boxes as viewers show them: lines, colours and texts, for whoever makes messages of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # torch takes a second to import; the node listens to signals before that
    from pd_ros.detection.types import Detections

Colour = tuple[float, float, float]  # red, green, blue in [0, 1]

# Of a class by its index, repeated; the pictures have the same order.
CLASS_COLOURS: tuple[Colour, ...] = (
    (0.84, 0.15, 0.16),
    (0.12, 0.47, 0.71),
    (1.00, 0.50, 0.05),
    (0.58, 0.40, 0.74),
    (0.89, 0.47, 0.76),
    (0.55, 0.34, 0.29),
)
# Markers of a detector that has died go away after this time.
LIFETIME_S = 1
LINE_WIDTH_M = 0.08
TEXT_HEIGHT_M = 0.8

# A box of size 2 about the origin: its corners by sign, the 12 edges between them, and a line from
# its centre through its front.
_CORNERS = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
_EDGES = [(a, b) for a in range(8) for b in range(a) if (a ^ b) in (1, 2, 4)]
_HEADING = np.array([(0, 0, 0), (1.5, 0, 0)], np.float64)
_SEGMENTS = np.concatenate([*(_CORNERS[list(edge)] for edge in _EDGES), _HEADING])  # [26, 3]


class MarkerGroup(NamedTuple):
    """Boxes of one colour with their texts; M of them, at least 1."""

    name: str
    colour: Colour
    boxes: NDArray[np.float64]  # [M, 7]
    texts: list[str]  # [M]


def class_groups(found: "Detections", classes: Sequence[str]) -> list[MarkerGroup]:
    """Group boxes by class, with class and score as text; a class without boxes has no group."""
    boxes, labels = found.boxes.double().numpy(), found.labels.numpy()
    groups = []
    for label, name in enumerate(classes):
        rows = np.flatnonzero(labels == label)
        texts = [f"{name} {score:.2f}" for score in found.scores[rows].tolist()]
        colour = CLASS_COLOURS[label % len(CLASS_COLOURS)]
        groups.append(MarkerGroup(name, colour, boxes[rows], texts))
    return [group for group in groups if group.texts]


def box_segments(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ends of the 12 edges and the heading line of boxes ``[M, 7]``: ``[M, 26, 3]`` in metres."""
    offsets = _SEGMENTS * boxes[:, None, 3:6] / 2
    cos, sin = np.cos(boxes[:, None, 6]), np.sin(boxes[:, None, 6])
    x, y, z = np.moveaxis(offsets, 2, 0)
    turned = np.stack((cos * x - sin * y, sin * x + cos * y, z), axis=2)
    ends: NDArray[np.float64] = boxes[:, None, :3] + turned
    return ends


def text_position(box: NDArray[np.float64]) -> tuple[float, float, float]:
    """Where the text of a box ``[7]`` stands: above it."""
    x, y, z, height = float(box[0]), float(box[1]), float(box[2]), float(box[5])
    return x, y, z + height / 2 + TEXT_HEIGHT_M
